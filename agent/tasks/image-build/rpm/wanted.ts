import type { Release } from '../../../../shared/distro/release.ts';
import type { Wanted } from '../family.ts';
import { readListFile } from '../list-file.ts';
import { readPkglists } from '../pkglist.ts';
import type { Pass } from '../pkglist.ts';
import { withoutServiceNames } from '../service-node.ts';
import type { Build } from '../spec.ts';

/** What the lists say, and what an image cannot do without. */
export async function wantedRpms(build: Build): Promise<Wanted> {
  const reader = { read: readListFile, environment: build.environment };
  const [first, ...later] = await readPkglists(build.pkglist, reader);
  const otherpkgs = withoutServiceNames(await readPkglists(build.otherpkglist, reader));
  const asked = [first, ...later].flatMap((pass) => pass?.packages ?? []);
  const pass = first ?? { packages: [], remove: [], removeAfter: [], environment: {} };
  const needed = neededPackages(build, asked).filter((name) => !asked.includes(name) && !pass.remove.includes(name));
  return { packages: [{ ...pass, packages: [...new Set([...needed, ...pass.packages])] }, ...later], otherpkgs };
}

/** The release's own packages, and its kernel unless the list names one. */
export function neededPackages(
  build: Pick<Build, 'release' | 'arch' | 'kernelver' | 'krpmver'>,
  asked: readonly string[],
): string[] {
  const { release } = build;
  const kernel = release.kernels[build.arch];
  const named = asked.some((name) => new RegExp(release.kernelPackage).test(name));
  return [...release.packages, ...(named || kernel === undefined ? [] : [kernelSpec(kernel, release, build)])];
}

/**
 * The kernel of the version asked for. dnf reads `kernel-5.14.0*`; of zypper's kernels the package has another version
 * than the kernel itself (5.14.21-150500.55-default is in 5.14.21-150500.55.39.1), so that only krpmver can name it.
 */
function kernelSpec(kernel: string, release: Release, build: Pick<Build, 'kernelver' | 'krpmver'>): string {
  if (release.bootstrap === 'zypper') return build.krpmver === '' ? kernel : `${kernel}=${build.krpmver}`;
  const version = build.krpmver || build.kernelver;
  if (version === '') return kernel;
  return /\.(?:x86_64|aarch64|ppc64le|s390x|riscv64)$/.test(version) ? `${kernel}-${version}` : `${kernel}-${version}*`;
}

/** `rsct/src` is `src` out of the folder `rsct` of otherpkgdir. */
export function splitName(name: string): { readonly folder: string; readonly name: string } {
  const slash = name.lastIndexOf('/');
  return slash < 0 || name.startsWith('@')
    ? { folder: '', name }
    : { folder: name.slice(0, slash), name: name.slice(slash + 1) };
}

/** Folders below otherpkgdir that the lists name; undefined when nothing is asked of it. */
export function foldersOf(otherpkgs: readonly Pass[]): string[] | undefined {
  if (otherpkgs.length === 0) return undefined;
  return [...new Set(otherpkgs.flatMap((pass) => pass.packages.map((name) => splitName(name).folder)))];
}

/** Names without their folders, as the package manager is asked. */
export function plainNames(passes: readonly Pass[]): Pass[] {
  const plain = (names: readonly string[]): string[] => names.map((name) => splitName(name).name);
  return passes.map((pass) => ({
    ...pass,
    packages: plain(pass.packages),
    remove: plain(pass.remove),
    removeAfter: plain(pass.removeAfter),
  }));
}
