import type { Build } from '../spec.ts';

/** A package as the package manager reckoned it, everything that tells it from another. */
export interface Rpm {
  readonly name: string;
  /** 0: none. */
  readonly epoch: number;
  readonly version: string;
  readonly release: string;
  readonly arch: string;
}

/** `name 1:2.0-3.el9 x86_64`, as in `Resolved.packages`. */
export function rpmLine(rpm: Rpm): string {
  return `${rpm.name} ${evr(rpm)} ${rpm.arch}`;
}

export function parseRpmLine(line: string): Rpm {
  const [, name = '', epoch = '0', version = '', release = '', arch = ''] =
    /^(\S+) (?:(\d+):)?(\S+)-([^\s-]+) (\S+)$/.exec(line) ?? [];
  return { name, epoch: Number(epoch), version, release, arch };
}

export function evr(rpm: Rpm): string {
  return `${rpm.epoch === 0 ? '' : `${rpm.epoch}:`}${rpm.version}-${rpm.release}`;
}

/** Where dnf and zypper find what was written for a build. */
export interface Places {
  /** dnf.conf, or the folder with zypper's *.repo files. */
  readonly config: string;
  /** The tree, as the program sees it. */
  readonly tree: string;
}

/** What every call of dnf begins with. */
export function dnfCommon(build: Build, places: Places): string[] {
  const { release } = build;
  return [
    `--config=${places.config}`,
    `--installroot=${places.tree}`,
    `--releasever=${release.codename}`,
    ...(release.platform === undefined ? [] : [`--setopt=module_platform_id=${release.platform}`]),
    `--forcearch=${build.arch}`,
    '--assumeyes',
  ];
}

export function dnfInstall(build: Build, places: Places, packages: readonly Rpm[]): string[] {
  return [...dnfCommon(build, places), '--allowerasing', 'install', '--', ...packages.map(nevra)];
}

export function dnfRemove(build: Build, places: Places, packages: readonly Rpm[]): string[] {
  return [...dnfCommon(build, places), 'remove', '--', ...packages.map(nevra)];
}

export function dnfEnable(build: Build, places: Places, streams: readonly string[]): string[] {
  return [...dnfCommon(build, places), 'module', 'enable', ...streams];
}

/** dnf reads it as one package and nothing else. */
export function nevra(rpm: Rpm): string {
  return `${rpm.name}-${rpm.epoch}:${rpm.version}-${rpm.release}.${rpm.arch}`;
}

/** What every call of zypper begins with. `cache`: another place for metadata and packages than the tree's own. */
export function zypperCommon(build: Build, places: Places, cache?: string): string[] {
  return [
    `--root=${places.tree}`,
    `--reposd-dir=${places.config}`,
    ...(cache === undefined ? [] : [`--cache-dir=${cache}`]),
    `--releasever=${build.release.codename}`,
    '--non-interactive',
    '--no-gpg-checks',
  ];
}

export function zypperRefresh(build: Build, places: Places, cache: string): string[] {
  return [...zypperCommon(build, places, cache), 'refresh'];
}

/** Reckons, installs nothing. `specs`: names, `@pattern`, or exact packages. */
export function zypperReckon(
  build: Build,
  places: Places,
  cache: string,
  repositories: readonly string[],
  specs: readonly string[],
): string[] {
  return [
    '--xmlout',
    ...zypperCommon(build, places, cache),
    '--no-refresh',
    'install',
    '--dry-run',
    ...installOptions,
    ...repositories.map((id) => `--repo=${id}`),
    '--',
    ...specs.map(zypperSpec),
  ];
}

const installOptions = ['--no-recommends', '--auto-agree-with-licenses', '--no-force-resolution'];

export function zypperInstall(build: Build, places: Places, packages: readonly Rpm[]): string[] {
  return [
    ...zypperCommon(build, places),
    '--no-refresh',
    'install',
    '--no-recommends',
    '--auto-agree-with-licenses',
    '--force-resolution',
    '--oldpackage',
    '--',
    ...packages.map(exact),
  ];
}

export function zypperRemove(build: Build, places: Places, packages: readonly Rpm[]): string[] {
  return [...zypperCommon(build, places), '--no-refresh', 'remove', '--force-resolution', '--', ...packages.map(exact)];
}

/** zypper reads it as one package and nothing else. */
export function exact(rpm: Rpm): string {
  return `${rpm.name}.${rpm.arch}=${evr(rpm)}`;
}

/** Groups are patterns here, asked for as what their packages provide: not every libzypp makes objects of them. */
export function zypperSpec(spec: string): string {
  return spec.startsWith('@') ? `pattern()=${spec.replace(/^@\^?/, '')}` : spec;
}
