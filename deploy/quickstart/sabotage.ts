import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { print } from './show.ts';

/** Takes the packed image off the boot server behind everybody's back: the quickstart must notice and say why. */
export async function spoilImage(dir: string): Promise<void> {
  const blobs = await blobsUnder(join(dir, 'manager', 'agent', 'store', 'blobs'));
  const [largest] = blobs.sort((a, b) => b.bytes - a.bytes);
  if (largest === undefined) throw new HostlerError('not_found', 'There is no stored image to spoil.');
  await rm(largest.path);
  print(`    (sabotage: removed ${largest.path})`);
}

/**
 * Files named by their digest. Only where the store keeps them: elsewhere in the home of an agent that works, folders of tasks
 * go away while they are read.
 */
async function blobsUnder(folder: string): Promise<{ path: string; bytes: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const named = entries.filter((entry) => entry.isFile() && /^[0-9a-f]{64}$/.test(entry.name));
  return Promise.all(
    named.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path, bytes: (await stat(path)).size };
    }),
  );
}
