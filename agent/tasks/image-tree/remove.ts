import { lstat, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../shared/process/run.ts';
import { placesIn, refuseMounts } from './folder.ts';

/** Takes a tree away; never what is mounted in it. No signal: half a tree is of no use to anybody. */
export async function removeTree(folder: string): Promise<void> {
  await refuseMounts(folder);
  await run('rm', ['-rf', '--one-file-system', '--', folder], { timeoutMs: 600_000 });
}

/**
 * Takes away what builds that died left in the folder; the tree that one of them had just moved aside comes back.
 * Only under the folder's lock.
 */
export async function sweepFolder(rootimgdir: string): Promise<void> {
  const names = await readdir(rootimgdir).catch(() => []);
  const tree = join(rootimgdir, 'rootimg');
  for (const name of names.filter((n) => n.startsWith('rootimg.old-'))) {
    if ((await lstat(tree).catch(() => undefined)) === undefined) await rename(join(rootimgdir, name), tree);
    else await removeTree(join(rootimgdir, name));
  }
  for (const name of names) {
    if (
      /^rootimg\.(?:building|packing)-/.test(name) ||
      /^(?:kernel|initrd-\S+|rootimg\.\S+)\.(?:new|module)-\d+$/.test(name)
    ) {
      await removeTree(join(rootimgdir, name));
    }
  }
}

/** Moves a finished tree into place. The old one stays until the new one is there; where it is then, to be removed. */
export async function swapTree(rootimgdir: string, id: string): Promise<string | undefined> {
  const { tree, building, old } = placesIn(rootimgdir, id);
  const before = (await lstat(tree).catch(() => undefined)) !== undefined;
  if (before) await rename(tree, old);
  await rename(building, tree);
  return before ? old : undefined;
}
