import { HostlerError } from '../../../shared/errors/error.ts';
import { architectureOf } from '../../../shared/distro/architecture.ts';
import type { Architecture } from '../../../shared/distro/architecture.ts';
import { releaseOf, unbuildable } from '../../../shared/distro/release.ts';
import type { Release } from '../../../shared/distro/release.ts';
import type { ImageBuildSpec } from '../../../shared/task/image-build.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { absolutePath, Fields, plainWord } from '../image-tree/fields.ts';
import { checkedRootimgdir } from '../image-tree/folder.ts';

/** The specification with what follows from it. */
export interface Build extends ImageBuildSpec {
  readonly release: Release;
  readonly architecture: Architecture;
}

/** Throws `invalid_argument` for what no build can be made of. */
export async function checkedBuild(spec: Json): Promise<Build> {
  const fields = new Fields(spec, 'image-build');
  const osvers = fields.text('osvers');
  const arch = fields.text('arch');
  const problem = unbuildable(osvers, arch);
  const release = releaseOf(osvers);
  const architecture = architectureOf(arch);
  if (problem !== undefined || release === undefined || architecture === undefined) {
    throw new HostlerError('invalid_argument', problem ?? `Images of ${osvers} cannot be built.`);
  }
  const environment = fields.record('environment');
  for (const name of Object.keys(environment)) {
    if (/^[A-Za-z_]\w*$/.test(name)) continue;
    throw new HostlerError(
      'invalid_argument',
      `environvar names ${JSON.stringify(name.slice(0, 80))}, which is no name of an environment variable.`,
    );
  }
  return {
    release,
    architecture,
    osvers,
    environment,
    arch: architecture.name,
    image: plainWord(fields.text('image'), 'The image name'),
    profile: plainWord(fields.text('profile'), 'The profile'),
    rootimgdir: await checkedRootimgdir(fields.text('rootimgdir')),
    pkgdir: fields.texts('pkgdir').map(checkedPkgdir),
    pkglist: fields.texts('pkglist').map((path) => absolutePath(path, 'The pkglist')),
    otherpkgdir: fields.texts('otherpkgdir'),
    otherpkglist: fields.texts('otherpkglist').map((path) => absolutePath(path, 'The otherpkglist')),
    postinstall: fields.texts('postinstall').map((call) => absolutePath(call, 'The postinstall script')),
    netdrivers: fields.texts('netdrivers').map((name) => plainWord(name, 'The network driver')),
    kernelver: fields.text('kernelver') === '' ? '' : plainWord(fields.text('kernelver'), 'The kernel version'),
    nodeagent: fields.oneOf('nodeagent', ['once', 'stay']),
    onlyinitrd: fields.flag('onlyinitrd'),
    noupdate: fields.flag('noupdate'),
    fresh: fields.flag('fresh'),
    addkcmdline: fields.text('addkcmdline'),
  };
}

function checkedPkgdir(entry: string): string {
  if (/^(?:https?:\/\/|\/)[^\s'"`$;|<>\\]+(?: [\w./:+-]+)*$/.test(entry)) return entry;
  throw new HostlerError(
    'invalid_argument',
    `pkgdir ${JSON.stringify(entry.slice(0, 200))} is neither an absolute folder nor the address of a repository (http://HOST/debian [SUITE COMPONENT ...]).`,
  );
}
