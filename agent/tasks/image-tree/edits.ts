import { join } from 'node:path';
import { entryOf, readAttributes, sameButTime } from './entries.ts';
import type { Entry } from './entries.ts';
import { readTreeRecord, sameStamp, stampOf } from './tree-record.ts';
import type { Stamp, TreeRecord } from './tree-record.ts';
import { walk, walkMeanwhile } from './walk.ts';
import type { TreeEntry } from './walk.ts';

/** Something in the work tree that no build made. */
export interface HandEdit {
  /** `./etc/exports` */
  readonly path: string;
  readonly change: 'added' | 'changed' | 'removed';
  /** Of `changed`: kind, content, mode, owner, attributes, time. */
  readonly what: readonly string[];
}

export interface Scan {
  /** Sorted by path. */
  readonly edits: readonly HandEdit[];
  /** What is there now, of paths that were added or changed. */
  readonly actual: ReadonlyMap<string, Entry>;
  /** New stamps of paths that somebody touched and left as they were. */
  readonly touched: ReadonlyMap<string, Stamp>;
  /** Bytes of all files. */
  readonly bytes: number;
}

/**
 * What was edited in `<rootimgdir>/rootimg` since genimage, undefined for a tree that no genimage of this kind made. A
 * file is read only where the kernel says that it may have changed. `entries`: the tree, when the caller has walked it.
 */
export async function handEdits(
  rootimgdir: string,
  signal: AbortSignal,
  entries?: readonly TreeEntry[],
): Promise<readonly HandEdit[] | undefined> {
  const record = await readTreeRecord(rootimgdir);
  return record === undefined
    ? undefined
    : (await scanTree(join(rootimgdir, 'rootimg'), record, signal, entries)).edits;
}

/** What genimage put into the tree, and what stands there now. */
export interface Looked {
  readonly record: TreeRecord;
  readonly scan: Scan;
}

/** Looks through the tree while other things are under way. Undefined for a tree that no genimage of this kind made. */
export async function lookMeanwhile(rootimgdir: string, signal: AbortSignal): Promise<Looked | undefined> {
  const record = await readTreeRecord(rootimgdir);
  if (record === undefined) return undefined;
  const tree = join(rootimgdir, 'rootimg');
  return { record, scan: await scanTree(tree, record, signal, await walkMeanwhile(tree)) };
}

export async function scanTree(
  tree: string,
  record: TreeRecord,
  signal: AbortSignal,
  entries: readonly TreeEntry[] = walk(tree),
): Promise<Scan> {
  const doubtful: TreeEntry[] = [];
  const there = new Set<string>();
  let bytes = 0;
  for (const entry of entries) {
    there.add(entry.path);
    if (entry.info.isFile()) bytes += entry.info.size;
    const stamp = record.paths.get(entry.path)?.stamp;
    if (stamp === undefined || !sameStamp(stamp, stampOf(entry.info))) doubtful.push(entry);
  }
  const attributes = await readAttributes(
    tree,
    doubtful.filter(({ info }) => !info.isSymbolicLink()).map(({ path }) => path),
    signal,
  );
  const edits: HandEdit[] = [];
  const actual = new Map<string, Entry>();
  const touched = new Map<string, Stamp>();
  for (const { path, info } of doubtful) {
    signal.throwIfAborted();
    const now = entryOf(tree, path, info, attributes.get(path));
    const before = record.paths.get(path)?.entry;
    const what = before === undefined ? [] : changes(before, now);
    if (before !== undefined && what.length === 0) {
      touched.set(path, stampOf(info));
      continue;
    }
    actual.set(path, now);
    edits.push({ path, change: before === undefined ? 'added' : 'changed', what });
  }
  for (const path of record.paths.keys()) if (!there.has(path)) edits.push({ path, change: 'removed', what: [] });
  edits.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { edits, actual, touched, bytes };
}

function changes(before: Entry, now: Entry): string[] {
  if (before.kind !== now.kind) return ['kind'];
  const found: string[] = [];
  if (before.content !== now.content || before.size !== now.size) found.push('content');
  if (before.mode !== now.mode) found.push('mode');
  if (before.uid !== now.uid || before.gid !== now.gid) found.push('owner');
  if (before.attributes !== now.attributes) found.push('attributes');
  // A folder's time follows from what was done in it.
  if (found.length === 0 && now.kind !== 'd' && sameButTime(before, now) && before.mtime !== now.mtime)
    found.push('time');
  return found;
}
