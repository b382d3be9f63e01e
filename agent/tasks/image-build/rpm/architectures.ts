import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';
import type { Build } from '../spec.ts';
import type { Repository } from './repositories.ts';

/** `Packages/k/kernel-....rpm` lies two levels below a repository. */
const deepest = 3;
const mostNames = 200_000;

/**
 * Throws `failed_precondition` for folders that hold packages of other architectures and none of the build's, by the names
 * of files alone; no network. Addresses, and folders whose packages have other names, are asked later.
 */
export async function requireArchitecture(build: Build, repositories: readonly Repository[]): Promise<void> {
  if (repositories.some(({ place }) => !place.startsWith('/'))) return;
  const wanted = build.architecture.name;
  const found = new Set<string>();
  let left = mostNames;
  const look = async (folder: string, depth: number): Promise<boolean> => {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      left -= 1;
      if (left < 0) return true;
      const arch = /\.(\w+)\.rpm$/.exec(entry.name)?.[1];
      if (arch === wanted) return true;
      if (arch !== undefined) found.add(arch);
      else if (entry.isDirectory() && depth < deepest && (await look(join(folder, entry.name), depth + 1))) return true;
    }
    return false;
  };
  for (const { place } of repositories) if (await look(place, 0)) return;
  found.delete('noarch');
  found.delete('src');
  if (found.size === 0) return;
  throw new HostlerError(
    'failed_precondition',
    `pkgdir ${build.pkgdir.join(',')} holds packages for ${[...found].sort().join(', ')} and none for ${wanted}. ` +
      `Copy a medium for ${wanted} (copycds), or name the address of a repository that has them.`,
  );
}
