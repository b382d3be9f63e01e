import { architectureOf } from './architecture.ts';
import { debianReleases } from './debian.ts';
import { enterpriseReleases } from './enterprise.ts';
import { fedoraReleases } from './fedora.ts';
import { parseRuntime } from './node-runtime.ts';
import { suseReleases } from './suse.ts';
import { ubuntuReleases } from './ubuntu.ts';

/** Where the database of installed packages lies in a tree of RPMs, and in which form the tree's own rpm reads it. */
export interface PackageDatabase {
  /** Absolute, inside the image. */
  readonly folder: string;
  readonly backend: 'sqlite' | 'ndb' | 'bdb';
}

/** A release of a distribution as data: all that a build has to know about it. */
export interface Release {
  /** `debian12`, `rocky9`, `sles15.5`; a point release (`debian12.5`, `rocky9.4`) is the same row. */
  readonly osvers: string;
  /** Other beginnings of the same name: `rhels` is also written `rhel`. */
  readonly also?: readonly string[];
  readonly family: 'debian' | 'ubuntu' | 'enterprise' | 'fedora' | 'suse';
  /** The program that makes a first tree; each has a package family of its own in agent/tasks/image-build. */
  readonly bootstrap: 'mmdebstrap' | 'dnf' | 'zypper';
  /** apt: the suite. RPM: what `$releasever` stands for. */
  readonly codename: string;
  /** apt: the components that an address without any means. RPM: none. */
  readonly components: readonly string[];
  /** dnf: `module_platform_id`, without which no module stream can be chosen. */
  readonly platform?: string;
  readonly database?: PackageDatabase;
  /** Installed whatever the pkglist says, the distribution's own Node.js among them where it is new enough. */
  readonly packages: readonly string[];
  /** Module streams to enable first (dnf), as `nodejs:20`. */
  readonly streams: readonly string[];
  /** Kernel package by architecture; installed unless the pkglist names one. */
  readonly kernels: Readonly<Record<string, string>>;
  /** Regular expression of package names that bring a kernel. */
  readonly kernelPackage: string;
  /** Beginning of the kernel's file name in /boot, by architecture. */
  readonly kernelFile: Readonly<Record<string, string>>;
  /** Name of the initrd in /boot that the distribution's own tools would make, `%` for the version. Never made here. */
  readonly initrdFile: string;
  /** Modules by name that the initrd gets on top of every network driver, by architecture (facts: genimage). */
  readonly drivers: Readonly<Record<string, readonly string[]>>;
  /** Units that every image runs where it has them. */
  readonly services: readonly string[];
  /** Major version of the distribution's own Node.js, out of `packages` and `streams`. */
  readonly node: number;
}

/** The oldest Node.js that the agent in an image runs on. */
export const oldestNode = 18;

const releases: readonly Release[] = [
  ...debianReleases,
  ...ubuntuReleases,
  ...enterpriseReleases,
  ...fedoraReleases,
  ...suseReleases,
];

/** The row of an osvers as administrators write it; of several that fit (`sles15`, `sles15.5`) the longest. */
export function releaseOf(osvers: string): Release | undefined {
  const plain = osvers.replace(/[-.]?sp(\d+)$/i, '.$1').replace(/^centos(\d+)-stream/, 'centos-stream$1');
  let best: Release | undefined;
  for (const row of releases) {
    const word = row.osvers.replace(/[\d.]+$/, '');
    const version = row.osvers.slice(word.length);
    const fits = [word, ...(row.also ?? [])].some((name) => {
      const whole = name + version;
      return plain === whole || (plain.startsWith(`${whole}.`) && /^[\d.]+$/.test(plain.slice(name.length)));
    });
    if (fits && row.osvers.length > (best?.osvers.length ?? 0)) best = row;
  }
  return best;
}

export function allReleases(): readonly Release[] {
  return releases;
}

export function knownReleases(): readonly string[] {
  return releases.map((row) => row.osvers);
}

/** Folder below share/netboot: xCAT's family word for an osvers (facts: genimage, output and --dryrun form). */
export function shareFamily(osvers: string): string {
  if (osvers.includes('rh')) return 'rh';
  if (/^sles.*sp/.test(osvers) || /^(?:opensuse-?)?(?:leap)?15/.test(osvers)) return 'sles';
  // The word of the original for a stream is not known; its lists are those of CentOS.
  return osvers.replace(/[\d.]/g, '').replace(/^centos-stream$/, 'centos');
}

/**
 * Why no image of that release and architecture can be built; undefined: it can.
 * `runtime`: what `site.noderuntime.<arch>` says, for releases whose own Node.js is too old for the agent.
 */
export function unbuildable(osvers: string, arch: string, runtime = ''): string | undefined {
  const release = releaseOf(osvers);
  if (release === undefined) return `Images of ${osvers} cannot be built; known are ${knownReleases().join(', ')}.`;
  const architecture = architectureOf(arch);
  if (architecture === undefined || release.kernels[architecture.name] === undefined) {
    return `${osvers} does not exist for the architecture ${arch}.`;
  }
  if (!needsRuntime(release)) return undefined;
  const word = `site.noderuntime.${architecture.name}`;
  if (runtime !== '') {
    const problem = parseRuntime(runtime);
    return typeof problem === 'string' ? `${word} cannot be used: ${problem}` : undefined;
  }
  return (
    `${osvers} brings Node.js ${release.node}, and the agent in an image needs ${oldestNode} or later. ` +
    `Name a Node.js archive of nodejs.org for ${architecture.name} with its digest: chdef -t site noderuntime.${architecture.name}="FILE-OR-URL sha256:DIGEST".`
  );
}

/** True when the image gets the archive of `site.noderuntime.<arch>` and not the distribution's own Node.js. */
export function needsRuntime(release: Release): boolean {
  return release.node < oldestNode;
}
