import { readdir } from 'node:fs/promises';
import { HostlerError } from '../../../shared/errors/error.ts';
import { existsInside, inside } from './inside.ts';

export interface Kernel {
  /** `6.1.0-56-amd64` */
  readonly version: string;
  /** The kernel's own file, on this machine. */
  readonly file: string;
}

/**
 * The kernel of a tree that has both file and modules: the one asked for (its version, or how it begins), else the
 * newest. `prefix`: vmlinuz or vmlinux. Throws `not_found` in xCAT's words.
 */
export async function kernelOf(root: string, prefix: string, wanted: string): Promise<Kernel> {
  const boot = await inside(root, 'boot');
  const names = await readdir(boot).catch(() => []);
  const versions = names
    .filter((name) => name.startsWith(`${prefix}-`))
    .map((name) => name.slice(prefix.length + 1))
    .filter(
      (version) =>
        wanted === '' || version === wanted || version.startsWith(`${wanted}-`) || version.startsWith(`${wanted}.`),
    )
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  for (const version of versions) {
    if ((await existsInside(root, `lib/modules/${version}`)) === undefined) continue;
    const file = await existsInside(root, `boot/${prefix}-${version}`);
    if (file !== undefined) return { version, file };
  }
  throw new HostlerError(
    'not_found',
    `couldn't find the kernel file matched ${wanted === '' ? `${prefix}-*` : wanted} in ${boot}`,
  );
}
