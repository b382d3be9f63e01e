import { readFile, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BlobStore } from '../../../store/blobs.ts';
import { isDigest } from '../../../store/digest.ts';

/*
 * A golden image on the disk of the agent that keeps it. `<images>/IMG` is the work tree, an ordinary folder that an
 * administrator may enter and edit. `<images>/.generations/IMG/<id>` is the tree of one version, as it was packed:
 * generations share what did not change (hard links, or the file system's own sharing), and never anything with the
 * work tree, so that an edit in place changes no generation.
 */

export interface GoldenPlaces {
  readonly image: string;
  readonly tree: string;
  /** Grows here while it is fetched; kept between tries. */
  readonly growing: string;
  /** Grows here while the work tree is packed. */
  readonly packing: string;
  readonly generations: string;
  /** A work tree with edits that no version has, kept aside when a capture took its place. */
  readonly edited: string;
  /** Only one capture at a time. */
  readonly captureLock: string;
  /** Held alone by who swaps trees, shared by who reads one. */
  readonly treeLock: string;
}

export function goldenPlaces(tree: string): GoldenPlaces {
  const images = dirname(tree);
  const image = basename(tree);
  return {
    image,
    tree,
    growing: join(images, `.${image}.capture`),
    packing: join(images, `.${image}.packing`),
    generations: join(images, '.generations', image),
    edited: join(images, `.${image}.edited`),
    captureLock: join(images, `.${image}.capture.lock`),
    treeLock: join(images, `.${image}.tree.lock`),
  };
}

/** One earlier state of a golden tree. */
export interface Generation {
  /** The first digits of the manifest's sha256: as the version is called behind the `@`. */
  readonly id: string;
  /** sha256 of the packed tree. */
  readonly root: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export const isGenerationId = (text: string): boolean => /^[0-9a-f]{12}$/.test(text);

export const generationTree = (places: GoldenPlaces, id: string): string => join(places.generations, id);

/** Written when the tree is whole: without it a folder is none. */
export const generationRecord = (places: GoldenPlaces, id: string): string => join(places.generations, `${id}.json`);

/** Which generation the work tree was made of. */
export const workRecord = (places: GoldenPlaces): string => join(places.generations, 'work.json');

/** The youngest first. */
export async function generationsOf(places: GoldenPlaces): Promise<Generation[]> {
  const names = await readdir(places.generations).catch(() => []);
  const found: Generation[] = [];
  for (const name of names) {
    const id = name.replace(/\.json$/, '');
    if (!name.endsWith('.json') || !isGenerationId(id)) continue;
    const one = await readRecord(generationRecord(places, id));
    if (one?.id === id) found.push(one);
  }
  return found.sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1));
}

export async function readRecord(file: string): Promise<Generation | undefined> {
  try {
    const { id, root, at } = JSON.parse(await readFile(file, 'utf8')) as Partial<Generation>;
    if (typeof id !== 'string' || !isGenerationId(id) || typeof root !== 'string' || !isDigest(root)) return undefined;
    return { id, root, at: typeof at === 'number' ? at : 0 };
  } catch {
    return undefined;
  }
}

/** Generations whose version is gone from the store, so that nobody can use them any more. */
export async function forgotten(places: GoldenPlaces, home: string): Promise<Generation[]> {
  const store = new BlobStore(home);
  const gone: Generation[] = [];
  for (const one of await generationsOf(places)) {
    if ((await store.size(one.root)) === undefined) gone.push(one);
  }
  return gone;
}
