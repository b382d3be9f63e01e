import { lstat, mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';
import type { ClonePackSpec } from '../../../../shared/task/clone.ts';
import type { ImagePackResult } from '../../../../shared/task/image-pack.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import { refuseMounts } from '../../image-tree/folder.ts';
import { withLock } from '../../image-tree/lock.ts';
import { removeTree } from '../../image-tree/remove.ts';
import type { TaskContext } from '../../types.ts';
import { packTree } from '../pack-tree.ts';
import { copyTree } from './copy.ts';
import { keepGeneration, newestTree } from './keep.ts';
import { goldenPlaces, workRecord } from './places.ts';
import { replaceFile } from '../../../../shared/files/durable.ts';

/** packimage of a golden image: the work tree, with its edits, becomes a generation and a packed version. */
export async function packWorkTree(
  spec: ClonePackSpec,
  context: TaskContext,
): Promise<ImagePackResult & { readonly [key: string]: Json }> {
  const places = goldenPlaces(spec.tree);
  await mkdir(dirname(spec.tree), { recursive: true, mode: 0o700 });
  return withLock(
    places.treeLock,
    (pid) => `The golden tree of ${spec.image} is being read or replaced by process ${pid}. Wait for its end.`,
    context.signal,
    async () => {
      await mendWorkTree(spec.tree);
      if ((await lstat(spec.tree).catch(() => undefined))?.isDirectory() !== true)
        throw new HostlerError('not_found', `There is no golden tree at ${spec.tree}. Capture one, or put one there.`);
      await refuseMounts(spec.tree);
      await removeTree(places.packing);
      context.progress('copy', 'keeping the tree as it is now');
      await copyTree(spec.tree, places.packing, await newestTree(places), context);
      try {
        const result = await packTree(spec, context, places.packing);
        const generation = await keepGeneration(places, places.packing, result, context);
        await replaceFile(workRecord(places), `${JSON.stringify(generation)}\n`, 0o600);
        return result;
      } finally {
        await removeTree(places.packing);
      }
    },
  );
}

/** Whoever replaced the tree was killed between the two renames: the old one comes back. */
export async function mendWorkTree(tree: string): Promise<void> {
  const old = `${goldenPlaces(tree).growing}.old`;
  const there = async (path: string): Promise<boolean> => (await lstat(path).catch(() => undefined)) !== undefined;
  if (!(await there(tree)) && (await there(old))) await rename(old, tree);
}
