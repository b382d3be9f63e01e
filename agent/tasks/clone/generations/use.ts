import { lstat, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { checkedFacts } from '../../../../shared/clone/facts.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { cloneUseKind, cloneUseVersion } from '../../../../shared/task/clone-tree.ts';
import type { GoldenVersion } from '../../../../shared/task/clone-tree.ts';
import { needBlob } from '../../../store/need-blob.ts';
import { explainingFullDisk } from '../../image-tree/disk-full.ts';
import { refuseMounts } from '../../image-tree/folder.ts';
import { withLock } from '../../image-tree/lock.ts';
import type { TaskContext, TaskKind } from '../../types.ts';
import { differing } from './copy.ts';
import { generationId, keepGeneration, putWorkTree } from './keep.ts';
import { mendWorkTree } from './pack.ts';
import { generationsOf, generationTree, goldenPlaces, readRecord, workRecord } from './places.ts';
import type { Generation, GoldenPlaces } from './places.ts';
import { checkedVersion } from './spec.ts';
import { unpackTree } from './unpack.ts';

/** Back, or forward, to the tree of a version. */
export const cloneUse: TaskKind = {
  kind: cloneUseKind,
  version: cloneUseVersion,
  roles: ['store'],
  run: async (context) => {
    const version = await checkedVersion(context.spec, cloneUseKind);
    const places = goldenPlaces(version.tree);
    await mkdir(dirname(version.tree), { recursive: true, mode: 0o700 });
    const kept = `Make room for ${dirname(version.tree)}; the tree as it was is still there.`;
    await explainingFullDisk(`Going to another version of ${version.image}`, kept, () =>
      withLock(places.treeLock, 'wait', context.signal, async () => {
        await mendWorkTree(version.tree);
        if ((await lstat(version.tree).catch(() => undefined)) !== undefined) {
          await refuseMounts(version.tree);
          await refuseEdits(places, context);
        }
        const generation = await treeOf(version, places, context);
        context.progress('copy', 'putting the tree in place');
        await putWorkTree(places, generation, context);
      }),
    );
    return { tree: version.tree };
  },
};

/** Edits that no version has would be lost. */
async function refuseEdits(places: GoldenPlaces, context: TaskContext): Promise<void> {
  const edits = await editsOf(places, 5, context);
  if (edits === undefined || edits.length === 0) return;
  throw new HostlerError(
    'failed_precondition',
    `${places.tree} was edited since it was packed (${edits.join(', ')}). packimage ${places.image} first: it makes a version of these edits, and you can go back after that.`,
  );
}

/** What was changed by hand; undefined where nobody knows what the tree was made of. */
export async function editsOf(
  places: GoldenPlaces,
  most: number,
  context: Pick<TaskContext, 'signal'>,
): Promise<string[] | undefined> {
  const made = await readRecord(workRecord(places));
  const there = (await generationsOf(places)).some(({ id }) => id === made?.id);
  if (made === undefined || !there) return undefined;
  return differing(places.tree, generationTree(places, made.id), most, context);
}

/** The unpacked tree of a version: kept, or made anew of what was packed. */
export async function treeOf(version: GoldenVersion, places: GoldenPlaces, context: TaskContext): Promise<Generation> {
  const id = generationId(version.facts);
  const kept = (await generationsOf(places)).find((one) => one.id === id);
  if (kept !== undefined) return kept;
  const work = join(context.dir, 'blobs');
  await mkdir(work, { recursive: true, mode: 0o700 });
  const facts = await needBlob(version.facts, version.store, work, context);
  if (checkedFacts(JSON.parse(await readFile(facts.file, 'utf8'))).tree.digest !== version.root)
    throw new HostlerError('data_loss', `The facts of ${version.image}@${id} name another tree.`);
  const packed = await needBlob(version.root, version.store, work, context);
  context.progress('unpack', `unpacking ${version.image}@${id}`);
  await unpackTree(packed.file, version.root, places.packing, context);
  const blob = (digest: string, bytes: number) => ({ digest, bytes });
  return keepGeneration(
    places,
    places.packing,
    { manifest: blob(version.facts, facts.bytes), root: blob(version.root, packed.bytes) },
    context,
  );
}
