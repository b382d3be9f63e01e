import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { identityFiles, worthlessFiles } from '../../../../shared/clone/identity.ts';
import { literalPattern } from '../../../../shared/clone/update.ts';
import { replaceFile } from '../../../../shared/files/durable.ts';
import { captureReceiveKind, captureVersion } from '../../../../shared/task/capture.ts';
import type { CaptureReceiveSpec } from '../../../../shared/task/capture.ts';
import { explainingFullDisk } from '../../image-tree/disk-full.ts';
import { withLock } from '../../image-tree/lock.ts';
import { removeTree } from '../../image-tree/remove.ts';
import type { TaskContext, TaskKind } from '../../types.ts';
import { keepGeneration, makeWorkTree, newestTree, putWorkTree, workTreeIn } from '../generations/keep.ts';
import { mendWorkTree } from '../generations/pack.ts';
import { goldenPlaces } from '../generations/places.ts';
import { editsOf } from '../generations/use.ts';
import { packTree } from '../pack-tree.ts';
import { writeSystemImagerFiles } from '../systemimager/files.ts';
import { fetchMachine } from './fetch.ts';
import { checkedReceive } from './spec.ts';

/** On the agent that keeps images: fetches a golden client's file systems, then packs them. */
export const captureReceive: TaskKind = {
  kind: captureReceiveKind,
  version: captureVersion,
  roles: ['store'],
  run: async (context) => {
    const spec = await checkedReceive(context.spec);
    const kept = `Make room for ${dirname(spec.tree)}; the image as it was is still there, and what was fetched is kept for the next try.`;
    await mkdir(dirname(spec.tree), { recursive: true, mode: 0o700 });
    return explainingFullDisk(`The capture of ${spec.agent}`, kept, () =>
      withLock(
        goldenPlaces(spec.tree).captureLock,
        (pid) => `${spec.image} is being captured already, by process ${pid}. Wait for its end.`,
        context.signal,
        () => receive(spec, context),
      ),
    );
  },
};

async function receive(spec: CaptureReceiveSpec, context: TaskContext) {
  const places = goldenPlaces(spec.tree);
  await mendWorkTree(spec.tree);
  const folder = places.growing;
  // What did not change since the last capture is taken from there; the work tree may have been edited since.
  const basis = (await newestTree(places)) ?? spec.tree;
  const foreign = (spec.foreign ?? []).map((point) => `${literalPattern(point)}/*`);
  const passed = { exclude: [...identityFiles, ...worthlessFiles, ...foreign], include: [] };
  const fetched = await fetchMachine(spec, { folder, basis }, passed, context);
  await mkdir(dirname(spec.layoutFile), { recursive: true, mode: 0o700 });
  await replaceFile(spec.layoutFile, `${JSON.stringify(spec.layout, undefined, 2)}\n`);
  await writeSystemImagerFiles(folder, spec.tree, spec);
  const pack = (signal: AbortSignal) =>
    packTree({ ...spec, layout: spec.layoutFile, netdrivers: [] }, { ...context, signal }, folder);
  const copy = async (signal: AbortSignal) => ({
    made: await makeWorkTree(places, folder, 'work', { signal }),
    edits: (await editsOf(places, 5, { signal })) ?? [],
  });
  const [result, { made, edits }] = await both(pack, copy, context.signal).catch(async (error: unknown) => {
    // Half a tree helps nobody, and there may be no room for it; what was fetched is kept.
    await removeTree(workTreeIn(places, 'work'));
    throw error;
  });
  // The tree is whole before it has its name, and nobody is reading the one before.
  await withLock(places.treeLock, 'wait', context.signal, async () => {
    const generation = await keepGeneration(places, folder, result, context);
    await putWorkTree(places, generation, context, made, edits.length === 0 ? undefined : places.edited);
  });
  const edited = { paths: edits, folder: places.edited };
  return { ...result, capture: { ...fetched, ...(edits.length > 0 && { edited }) } };
}

/** Two pieces of work at once, each of which keeps one core busy. When one fails the other is stopped, and waited for. */
async function both<A, B>(
  one: (signal: AbortSignal) => Promise<A>,
  other: (signal: AbortSignal) => Promise<B>,
  signal: AbortSignal,
): Promise<[A, B]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const watched = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  };
  const [first, second] = await Promise.allSettled([watched(one(either)), watched(other(either))]);
  // What failed first is the reason that the other one was stopped for.
  if (stop.signal.aborted) throw stop.signal.reason;
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return [first.value, second.value];
}
