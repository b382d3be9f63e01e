import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { identityFiles, worthlessFiles } from '../../../../shared/clone/identity.ts';
import { literalPattern } from '../../../../shared/clone/update.ts';
import { replaceFile } from '../../../../shared/files/durable.ts';
import { captureReceiveKind, captureVersion } from '../../../../shared/task/capture.ts';
import type { CaptureReceiveSpec } from '../../../../shared/task/capture.ts';
import { explainingFullDisk } from '../../image-tree/disk-full.ts';
import { withLock } from '../../image-tree/lock.ts';
import type { TaskContext, TaskKind } from '../../types.ts';
import { keepGeneration, newestTree, putWorkTree } from '../generations/keep.ts';
import { mendWorkTree } from '../generations/pack.ts';
import { goldenPlaces } from '../generations/places.ts';
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
  const result = await packTree({ ...spec, layout: spec.layoutFile, netdrivers: [] }, context, folder);
  // The tree is whole before it has its name, and nobody is reading the one before.
  await withLock(places.treeLock, 'wait', context.signal, async () => {
    const generation = await keepGeneration(places, folder, result, context);
    await putWorkTree(places, generation, context);
  });
  return { ...result, capture: { ...fetched } };
}
