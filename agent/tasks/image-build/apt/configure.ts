import { readdir, truncate } from 'node:fs/promises';
import { existsInside, removeInside, writeInside } from '../../image-tree/inside.ts';

/** The image's own package sources in place of those of the build. */
export async function placeSources(root: string, sources: string): Promise<void> {
  const folder = await existsInside(root, 'etc/apt/sources.list.d');
  for (const name of folder === undefined ? [] : await readdir(folder)) {
    if (name.startsWith('0000')) await removeInside(root, `etc/apt/sources.list.d/${name}`);
  }
  const list = await existsInside(root, 'etc/apt/sources.list');
  if (list !== undefined) await truncate(list);
  await writeInside(root, 'etc/apt/sources.list.d/debian.sources', sources);
}
