import { architectureOf } from './architecture.ts';
import { debianReleases } from './debian.ts';

/** A release of a distribution as data: all that a build has to know about it. */
export interface Release {
  /** `debian12`; a point release (`debian12.5`) is the same row. */
  readonly osvers: string;
  readonly family: string;
  readonly codename: string;
  /** The program that makes a first tree. */
  readonly bootstrap: 'mmdebstrap';
  /** Installed whatever the pkglist says. */
  readonly packages: readonly string[];
  /** Kernel package by architecture; installed unless the pkglist names one. */
  readonly kernels: Readonly<Record<string, string>>;
  /** Regular expression of package names that bring a kernel. */
  readonly kernelPackage: string;
  /** Beginning of the kernel's file name in /boot, by architecture. */
  readonly kernelFile: Readonly<Record<string, string>>;
  /** Major version of the distribution's own Node.js. */
  readonly node: number;
}

/** The oldest Node.js that the agent in an image runs on. */
export const oldestNode = 18;

const releases: readonly Release[] = [...debianReleases];

export function releaseOf(osvers: string): Release | undefined {
  return releases.find((row) => osvers === row.osvers || osvers.startsWith(`${row.osvers}.`));
}

export function knownReleases(): readonly string[] {
  return releases.map((row) => row.osvers);
}

/** Folder below share/netboot: xCAT's family word for an osvers (facts: genimage, output and --dryrun form). */
export function shareFamily(osvers: string): string {
  if (osvers.includes('rh')) return 'rh';
  if (/^sles.*sp/.test(osvers) || osvers.startsWith('leap15')) return 'sles';
  return osvers.replace(/[\d.]/g, '');
}

/** Why no image of that release and architecture can be built; undefined: it can. */
export function unbuildable(osvers: string, arch: string): string | undefined {
  const release = releaseOf(osvers);
  if (release === undefined) return `Images of ${osvers} cannot be built; known are ${knownReleases().join(', ')}.`;
  const architecture = architectureOf(arch);
  if (architecture === undefined || release.kernels[architecture.name] === undefined) {
    return `${osvers} does not exist for the architecture ${arch}.`;
  }
  if (release.node < oldestNode) {
    return `${osvers} brings Node.js ${release.node}, and the agent in an image needs ${oldestNode} or later. Build a later release.`;
  }
  return undefined;
}
