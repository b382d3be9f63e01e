import { HostlerError } from '../../../shared/errors/error.ts';
import { architectureOf } from '../../../shared/distro/architecture.ts';
import type { Architecture } from '../../../shared/distro/architecture.ts';
import { needsRuntime, releaseOf, unbuildable } from '../../../shared/distro/release.ts';
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
  const noderuntime = fields.text('noderuntime');
  const problem = unbuildable(osvers, arch, noderuntime);
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
    otherpkgdir: fields.texts('otherpkgdir').map(checkedOtherpkgdir),
    otherpkglist: fields.texts('otherpkglist').map((path) => absolutePath(path, 'The otherpkglist')),
    postinstall: fields.texts('postinstall').map((call) => absolutePath(call, 'The postinstall script')),
    netdrivers: fields.texts('netdrivers').map((name) => plainWord(name, 'The network driver')),
    kernelver: optional(fields.text('kernelver'), (text) => plainWord(text, 'The kernel version')),
    krpmver: optional(fields.text('krpmver'), (text) => plainWord(text, 'The release of the kernel package')),
    kerneldir: optional(fields.text('kerneldir'), (text) => absolutePath(text, 'The kerneldir')),
    driverupdatesrc: fields.texts('driverupdatesrc').map(checkedDriverSource),
    ignorekernelchk: fields.flag('ignorekernelchk'),
    permission: checkedMode(fields.text('permission')),
    interfaces: fields.texts('interfaces').map(checkedInterface),
    rootlimit: optional(fields.text('rootlimit'), (text) => checkedLimit(text, '-l')),
    tmplimit: optional(fields.text('tmplimit'), (text) => checkedLimit(text, '-t')),
    // Another release may need it; this one has its own.
    noderuntime: needsRuntime(release) ? noderuntime : '',
    search: fields.flag('search'),
    nodeagent: fields.oneOf('nodeagent', ['once', 'stay']),
    onlyinitrd: fields.flag('onlyinitrd'),
    noupdate: fields.flag('noupdate'),
    fresh: fields.flag('fresh'),
    addkcmdline: fields.text('addkcmdline'),
    cacheBytes: fields.count('cacheBytes'),
  };
}

function optional(text: string, check: (text: string) => string): string {
  return text === '' ? '' : check(text);
}

function checkedDriverSource(entry: string): string {
  const match = /^(rpm|deb|dud):(.+)$/.exec(entry);
  if (match?.[2] === undefined) {
    throw new HostlerError(
      'invalid_argument',
      `driverupdatesrc ${JSON.stringify(entry.slice(0, 200))} must begin with rpm:, deb: or dud: and go on with the path of a file.`,
    );
  }
  absolutePath(match[2], 'The driverupdatesrc');
  if (match[1] !== 'dud') return entry;
  throw new HostlerError(
    'unimplemented',
    `driverupdatesrc ${entry}: driver update disks are for installed machines. Name the packages that are on it as rpm:PATH.`,
  );
}

function checkedMode(mode: string): string {
  if (/^[0-7]{3,4}$/.test(mode)) return mode;
  throw new HostlerError('invalid_argument', `permission ${JSON.stringify(mode.slice(0, 20))} is no mode such as 755.`);
}

function checkedInterface(name: string): string {
  if (/^[A-Za-z][\w.-]{0,14}$/.test(name)) return name;
  throw new HostlerError(
    'invalid_argument',
    `${JSON.stringify(name.slice(0, 40))} in nodebootif or otherifce is not the name of a network card.`,
  );
}

function checkedLimit(size: string, option: string): string {
  if (/^[1-9]\d{0,9}(?:[kmg]|%)?$/i.test(size)) return size.toLowerCase();
  throw new HostlerError(
    'invalid_argument',
    `${option} ${JSON.stringify(size.slice(0, 20))} is no size such as 512m or 2g.`,
  );
}

function checkedOtherpkgdir(entry: string): string {
  if (/^(?:https?|ftp):\/\/[^\s'"`$;|<>\\]+$/.test(entry)) return entry;
  return absolutePath(entry, 'The otherpkgdir');
}

function checkedPkgdir(entry: string): string {
  if (/^(?:(?:https?|ftp):\/\/|\/)[^\s'"`$;|<>\\]+(?: [\w./:+-]+)*$/.test(entry)) return entry;
  throw new HostlerError(
    'invalid_argument',
    `pkgdir ${JSON.stringify(entry.slice(0, 200))} is neither an absolute folder nor the address of a repository (http://HOST/debian [SUITE COMPONENT ...]).`,
  );
}
