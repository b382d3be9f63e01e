import { sameEntry } from '../../image-tree/entries.ts';
import type { Entry } from '../../image-tree/entries.ts';

/** An entry of a stack of layers, and the layer that it comes from. */
export interface Placed {
  readonly entry: Entry;
  readonly layer: string;
}

export type Merged = ReadonlyMap<string, Placed>;

/** What a stack of layers (bottom first) shows: as the kernel's overlay does it. */
export function mergeLayers(layers: readonly { readonly id: string; readonly entries: readonly Entry[] }[]): Merged {
  const merged = new Map<string, Placed>();
  for (const { id, entries } of layers) {
    for (const entry of entries) {
      const { path, kind, opaque } = entry;
      const below = merged.get(path);
      const hides = kind !== 'd' || opaque;
      if (below?.entry.kind === 'd' && hides && merged.size > 0) {
        const prefix = `${path}/`;
        for (const name of merged.keys()) if (name.startsWith(prefix)) merged.delete(name);
      }
      if (kind === 'w') merged.delete(path);
      else merged.set(path, { entry: opaque ? { ...entry, opaque: false } : entry, layer: id });
    }
  }
  return merged;
}

export interface Difference {
  readonly path: string;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

/** Paths that differ, folders before what they hold. */
export function differences(before: ReadonlyMap<string, Entry>, after: Merged): Difference[] {
  const found: Difference[] = [];
  for (const [path, entry] of before) {
    const now = after.get(path)?.entry;
    if (now === undefined || !sameEntry(entry, now)) found.push({ path, before: entry, after: now });
  }
  for (const [path, { entry }] of after) {
    if (!before.has(path)) found.push({ path, before: undefined, after: entry });
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function plain(merged: Merged): Map<string, Entry> {
  return new Map([...merged].map(([path, { entry }]) => [path, entry]));
}
