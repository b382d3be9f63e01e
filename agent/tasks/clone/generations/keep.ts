import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { replaceFile } from '../../../../shared/files/durable.ts';
import type { ImagePackResult } from '../../../../shared/task/image-pack.ts';
import { removeTree } from '../../image-tree/remove.ts';
import type { TaskContext } from '../../types.ts';
import { copyTree, differing } from './copy.ts';
import { forgotten, generationRecord, generationsOf, generationTree, readRecord, workRecord } from './places.ts';
import type { Generation, GoldenPlaces } from './places.ts';

export const generationId = (manifest: string): string => manifest.slice(0, 12);

/** The tree of the youngest generation, as far as there is one: what a new one shares files with. */
export async function newestTree(places: GoldenPlaces): Promise<string | undefined> {
  for (const { id } of await generationsOf(places)) {
    if ((await lstat(generationTree(places, id)).catch(() => undefined))?.isDirectory() === true)
      return generationTree(places, id);
  }
  return undefined;
}

/** A folder that was packed becomes the generation of that version; those that nobody can use any more go. */
export async function keepGeneration(
  places: GoldenPlaces,
  folder: string,
  { manifest, root }: Pick<ImagePackResult, 'manifest' | 'root'>,
  context: Pick<TaskContext, 'home'>,
): Promise<Generation> {
  const generation: Generation = { id: generationId(manifest.digest), root: root.digest, at: Date.now() };
  const target = generationTree(places, generation.id);
  await mkdir(places.generations, { recursive: true, mode: 0o700 });
  // Packed before, file by file the same: the one that is there may be read by somebody.
  if ((await lstat(generationRecord(places, generation.id)).catch(() => undefined)) !== undefined)
    await removeTree(folder);
  else {
    await removeTree(target);
    await rename(folder, target);
  }
  await replaceFile(generationRecord(places, generation.id), `${JSON.stringify(generation)}\n`, 0o600);
  for (const { id } of await forgotten(places, context.home)) {
    if (id === generation.id) continue;
    await rm(generationRecord(places, id), { force: true });
    await removeTree(generationTree(places, id));
  }
  return generation;
}

const isThere = async (path: string): Promise<boolean> => (await lstat(path).catch(() => undefined)) !== undefined;

/** Where a work tree is made before it takes its place: by a capture, or by who goes to another version. */
export const workTreeIn = (places: GoldenPlaces, name: 'work' | 'next'): string => `${places.growing}.${name}`;

/**
 * A work tree beside the one that is there, made of a tree that nobody changes meanwhile. Files that are as they were in
 * the old work tree are taken over from it, so that a recapture writes here only what changed.
 */
export async function makeWorkTree(
  places: GoldenPlaces,
  from: string,
  name: 'work' | 'next',
  context: Pick<TaskContext, 'signal'>,
): Promise<string> {
  const made = workTreeIn(places, name);
  await removeTree(made);
  await copyTree(from, made, (await isThere(places.tree)) ? places.tree : undefined, context);
  return made;
}

/**
 * The work tree becomes that generation, by one rename. `made`: made of its tree already; `aside`: where the tree that
 * was there stays, for somebody edited it. Under the tree lock.
 */
export async function putWorkTree(
  places: GoldenPlaces,
  generation: Generation,
  context: Pick<TaskContext, 'signal'>,
  made?: string,
  aside?: string,
): Promise<void> {
  const { tree } = places;
  const old = `${places.growing}.old`;
  const from = generationTree(places, generation.id);
  const before = await isThere(tree);
  // Looking costs a fraction of making it anew where there are very many files.
  if (made === undefined && before && (await readRecord(workRecord(places)))?.id === generation.id) {
    if ((await differing(from, tree, 1, context)).length === 0) return;
  }
  const next = made ?? (await makeWorkTree(places, from, 'next', context));
  await removeTree(old);
  if (await isThere(tree)) await rename(tree, old);
  await rename(next, tree);
  await replaceFile(workRecord(places), `${JSON.stringify(generation)}\n`, 0o600);
  if (aside === undefined) await removeTree(old);
  else {
    await removeTree(aside);
    await rename(old, aside);
  }
}
