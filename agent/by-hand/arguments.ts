import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { architectureOf } from '../../shared/distro/architecture.ts';
import { releaseOf } from '../../shared/distro/release.ts';
import { HostlerError } from '../../shared/errors/error.ts';
import type { ImageBuildSpec } from '../../shared/task/image-build.ts';
import { archWord } from '../facts/system.ts';

/** A build as it was asked for on a command line, with nobody there to ask what else is known of the osimage. */
export interface BuildByHand {
  readonly spec: ImageBuildSpec;
  /** Caches are kept in it, and the build works in it. */
  readonly home: string;
  /** Where /install is. */
  readonly installDir: string;
  /** Options that were given and change nothing. */
  readonly idle: readonly string[];
}

export const usage = `Usage: genimage -o OSVER -p PROFILE [-a ARCH] [OPTIONS] [IMAGE]

Builds the root tree, kernel and initrd of a diskless image on this machine, as root, with no manager and no agent: the
line comes from "genimage --dryrun IMAGE" on the manager. What it names must be there under the same paths.

  -a ARCH -o OSVER -p PROFILE     what is built
  --rootimgdir DIR                where; the tree becomes DIR/rootimg. Bring DIR to the manager and run packimage there
  --pkglist FILES                 package lists; without any the profile's lists are looked for
  --srcdir DIRS|URLS              where packages are
  --otherpkglist FILES --otherpkgdir DIR|URLS --postinstall SCRIPTS --driverupdatesrc FILES --kerneldir DIR
  -n DRIVERS -i CARD -r CARDS -k KERNEL -g RELEASE -l SIZE -t SIZE --permission MODE --env NAME=VALUE
  --onlyinitrd --fresh --ignorekernelchk 1 --noupdate 1
  --nodeagent once|stay --noderuntime "FILE-OR-URL sha256:DIGEST"
  --home DIR                      caches (default /var/cache/hostler)
  --installdir DIR                where lists of the profile are looked for in custom/netboot (default /install)
`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

const options = {
  arch: { type: 'string', short: 'a' },
  osvers: { type: 'string', short: 'o' },
  profile: { type: 'string', short: 'p' },
  netdrivers: { type: 'string', short: 'n' },
  interface: { type: 'string', short: 'i' },
  otherifce: { type: 'string', short: 'r' },
  rootlimit: { type: 'string', short: 'l' },
  tmplimit: { type: 'string', short: 't' },
  kernelver: { type: 'string', short: 'k' },
  krpmver: { type: 'string', short: 'g' },
  mode: { type: 'string', short: 'm' },
  env: { type: 'string', multiple: true },
  permission: text,
  kerneldir: text,
  srcdir: text,
  pkglist: text,
  otherpkgdir: text,
  otherpkglist: text,
  postinstall: text,
  rootimgdir: text,
  driverupdatesrc: text,
  ignorekernelchk: text,
  noupdate: text,
  nodeagent: text,
  noderuntime: text,
  home: text,
  installdir: text,
  tempfile: text,
  timezone: text,
  onlyinitrd: flag,
  fresh: flag,
  interactive: flag,
  help: { type: 'boolean', short: 'h' },
} as const;

/** Reads the words behind `genimage`; undefined: help is wanted. Throws `invalid_argument`; values are checked by the build. */
export function readLine(argv: readonly string[]): BuildByHand | undefined {
  const { values, positionals } = parsed(argv);
  if (values.help === true) return undefined;
  const { osvers = '', profile = '', permission = '755', nodeagent } = values;
  if (osvers === '' || profile === '') throw wrong('-o OSVER and -p PROFILE are both needed');
  if (positionals.length > 1) throw wrong(`there is one image, not ${positionals.join(' and ')}`);
  if (nodeagent !== undefined && nodeagent !== 'once' && nodeagent !== 'stay')
    throw wrong('--nodeagent is once or stay');
  const arch = values.arch ?? archWord();
  const installDir = resolve(values.installdir ?? '/install');
  const pkglist = words(values.pkglist);
  const usual = releaseOf(osvers)?.bootstrap === 'mmdebstrap' ? '' : `${installDir}/${osvers}/${arch}`;
  const spec: ImageBuildSpec = {
    image: positionals[0] ?? `${osvers}-${arch}-netboot-${profile}`,
    ...{ osvers, profile, permission, pkglist },
    arch: architectureOf(arch)?.name ?? arch,
    rootimgdir: values.rootimgdir ?? `${installDir}/netboot/${osvers}/${arch}/${profile}`,
    pkgdir: words(values.srcdir ?? usual),
    otherpkgdir: words(values.otherpkgdir ?? (pkglist.length === 0 ? otherpkgs(installDir, osvers, arch) : '')),
    otherpkglist: words(values.otherpkglist),
    postinstall: words(values.postinstall),
    netdrivers: words(values.netdrivers),
    kernelver: values.kernelver ?? '',
    krpmver: values.krpmver ?? '',
    kerneldir: values.kerneldir ?? '',
    driverupdatesrc: words(values.driverupdatesrc),
    ignorekernelchk: isSet(values.ignorekernelchk),
    interfaces: [...words(values.interface), ...words(values.otherifce)],
    rootlimit: values.rootlimit ?? '',
    tmplimit: values.tmplimit ?? '',
    noderuntime: values.noderuntime ?? '',
    search: pkglist.length === 0,
    environment: environmentOf(values.env ?? []),
    nodeagent: nodeagent ?? (profile === 'service' ? 'stay' : 'once'),
    onlyinitrd: values.onlyinitrd === true,
    noupdate: isSet(values.noupdate),
    fresh: values.fresh === true,
    addkcmdline: '',
    cacheBytes: 0,
  };
  const idle = (['mode', 'interactive', 'tempfile', 'timezone'] as const).filter((name) => values[name] !== undefined);
  return { spec, home: resolve(values.home ?? '/var/cache/hostler'), installDir, idle };
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (cause) {
    throw wrong((cause instanceof Error ? cause.message : String(cause)).split('. ')[0] ?? '', cause);
  }
}

/** Of a profile that is built by its name alone. */
function otherpkgs(installDir: string, osvers: string, arch: string): string {
  return `${installDir}/post/otherpkgs/${osvers}/${arch}`;
}

function words(list = ''): string[] {
  return list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '0' && value !== '';
}

function environmentOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw wrong(`--env takes NAME=VALUE, not '${pair}'`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function wrong(why: string, cause?: unknown): HostlerError {
  return new HostlerError('invalid_argument', `${why}. Try 'genimage --help'.`, { cause });
}
