import { rename, rmdir, unlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { assemble } from './assemble.ts';
import type { Stack } from './assemble.ts';
import { sameButTime, sameEntry } from './entries.ts';
import type { Entry } from './entries.ts';
import type { Scan } from './edits.ts';
import { placesIn } from './folder.ts';
import { removeTree, swapTree } from './remove.ts';
import { statOf } from './walk.ts';
import { recordOf, stampOf, takeComing, writeApplying, writeTreeRecord } from './tree-record.ts';
import type { Recorded, TreeRecord } from './tree-record.ts';

export interface Application {
  readonly rootimgdir: string;
  readonly taskId: string;
  /** What the tree shall be. */
  readonly stack: Stack;
  readonly folderOf: (layer: string) => string;
  readonly key: string;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** A new tree takes the place of whatever is there. Returns where the old one went, which the caller removes. */
export async function putTree(application: Application): Promise<{ old: string | undefined; record: TreeRecord }> {
  const { rootimgdir, taskId, stack, folderOf, key, scratch, signal } = application;
  const { building, tree } = placesIn(rootimgdir, taskId);
  try {
    await assemble({ stack, folderOf, target: building, scratch, signal });
    const record = recordOf(building, key, entriesIn(stack));
    await writeTreeRecord(rootimgdir, record, true);
    signal.throwIfAborted();
    const old = await swapTree(rootimgdir, taskId);
    const root = record.paths.get('.');
    // Its move has changed the folder's own stamp.
    const moved = statOf(tree);
    if (root !== undefined && moved !== undefined) record.paths.set('.', { ...root, stamp: stampOf(moved) });
    await takeComing(rootimgdir);
    return { old, record };
  } catch (error) {
    await removeTree(building);
    throw error;
  }
}

export interface Applied {
  readonly record: TreeRecord;
  /** Paths that were made, replaced or removed. */
  readonly changed: number;
  /** Paths that a stage and a hand changed, each otherwise: as the hand left them. */
  readonly conflicts: readonly string[];
}

/**
 * Brings the tree from what the record says to the stack by touching only what differs. What was edited by hand stays.
 * Nothing is touched before all that is new lies beside the tree; a crash in the middle is known by the next build.
 */
export async function applyStack(application: Application, before: TreeRecord, scan: Scan): Promise<Applied> {
  const { rootimgdir, taskId, stack, folderOf, key, scratch, signal } = application;
  const { building, tree } = placesIn(rootimgdir, taskId);
  const plan = planOf(stack, before, scan);
  const made = plan.take.filter(
    ({ after }) => after !== undefined && !(plan.standing.has(after.path) && after.kind === 'd'),
  );
  try {
    await removeTree(building);
    if (made.length > 0) {
      const paths = made.map(({ path }) => path);
      await assemble({ stack, folderOf, target: building, scratch, signal }, paths);
    }
    signal.throwIfAborted();
    await writeApplying(rootimgdir, plan.take);
    for (const { path, after, now } of [...plan.take].reverse()) {
      if (after === undefined || (now !== undefined && (now.kind === 'd') !== (after.kind === 'd')))
        await remove(tree, path);
    }
    for (const { path } of made) await place(building, tree, path);
    const folders = [...plan.folders].filter((path) => isFolder(join(tree, path)));
    await assemble({ stack, folderOf, target: tree, scratch, signal: new AbortController().signal }, folders);
  } finally {
    await removeTree(building);
  }
  const paths = new Map<string, Recorded>();
  const restamped = new Set([...plan.take.map(({ path }) => path), ...plan.folders]);
  for (const [path, { entry }] of stack) {
    const known = before.paths.get(path);
    if (restamped.has(path)) {
      const info = statOf(join(tree, path));
      const edited = plan.edited.has(path) && !plan.taken.has(path);
      paths.set(path, { entry, stamp: info === undefined || edited ? undefined : stampOf(info) });
    } else
      paths.set(path, { entry, stamp: plan.edited.has(path) ? undefined : (scan.touched.get(path) ?? known?.stamp) });
  }
  const record = { key, paths };
  await writeTreeRecord(rootimgdir, record);
  return { record, changed: plan.take.length, conflicts: plan.conflicts };
}

interface Step {
  readonly path: string;
  readonly after: Entry | undefined;
  /** What is there now. */
  readonly now: Entry | undefined;
}

interface Plan {
  /** Folders before what they hold. */
  readonly take: readonly Step[];
  readonly taken: ReadonlySet<string>;
  readonly edited: ReadonlySet<string>;
  /** Folders that are there and stay. */
  readonly standing: ReadonlySet<string>;
  /** Folders whose owner, mode and time are set in the end. */
  readonly folders: ReadonlySet<string>;
  readonly conflicts: readonly string[];
}

function planOf(stack: Stack, before: TreeRecord, scan: Scan): Plan {
  const edited = new Set(scan.edits.map(({ path }) => path));
  const take: Step[] = [];
  const folders = new Set<string>();
  const standing = new Set<string>();
  const conflicts: string[] = [];
  /** Where a hand took a folder away, or put something else in its place. */
  const closed = new Set<string>();
  const all = new Set([...before.paths.keys(), ...stack.keys()]);
  for (const path of [...all].sort()) {
    const was = before.paths.get(path)?.entry;
    const after = stack.get(path)?.entry;
    const isEdited = edited.has(path);
    const now = isEdited ? scan.actual.get(path) : was;
    const parent = posix.dirname(path);
    if (path !== '.' && closed.has(parent)) {
      closed.add(path);
      continue;
    }
    if (isEdited && was?.kind === 'd' && now?.kind !== 'd') {
      closed.add(path);
      if (after !== undefined && !same(was, after)) conflicts.push(path);
      continue;
    }
    if (now?.kind === 'd' && after?.kind === 'd') standing.add(path);
    if (was === undefined ? after === undefined : after !== undefined && sameEntry(was, after)) continue;
    if (isEdited && !same(now, after)) {
      if (!same(was, after)) conflicts.push(path);
      // What a stage would put below has no place there.
      if (now?.kind !== 'd') closed.add(path);
      continue;
    }
    if (isEdited && now?.kind !== 'd') continue; // by hand already what it shall be
    take.push({ path, after, now });
    if (after?.kind === 'd') folders.add(path);
    // What is done in a folder changes its time.
    if (stack.get(parent)?.entry.kind === 'd' && !edited.has(parent)) folders.add(parent);
  }
  return { take, taken: new Set(take.map(({ path }) => path)), edited, standing, folders, conflicts };
}

/** Equal but for a folder's time; also when both are not there. */
function same(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.kind === 'd' ? sameButTime(a, b) : sameEntry(a, b);
}

async function remove(tree: string, path: string): Promise<void> {
  const file = join(tree, path);
  if (!inRealFolders(tree, path)) return;
  const info = statOf(file);
  if (info === undefined) return;
  if (!info.isDirectory()) await unlink(file);
  else {
    await rmdir(file).catch((error: unknown) => {
      // Something was put there by hand: the folder stays for it.
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    });
  }
}

/** A folder that is new moves with all it holds; a file takes the place of the one before in one step. */
async function place(building: string, tree: string, path: string): Promise<void> {
  const from = join(building, path);
  const info = statOf(from);
  if (info === undefined || !inRealFolders(tree, path)) return; // moved with its folder
  const to = join(tree, path);
  const there = statOf(to);
  if (info.isDirectory() && there?.isDirectory() === true) return;
  if (there?.isDirectory() === true) return; // holds what a hand put there
  await rename(from, to);
}

/** No symbolic link on the way, which would lead out of the tree. */
function inRealFolders(tree: string, path: string): boolean {
  for (let at = posix.dirname(path); at !== '.'; at = posix.dirname(at)) {
    if (!isFolder(join(tree, at))) return false;
  }
  return true;
}

function isFolder(file: string): boolean {
  return statOf(file)?.isDirectory() === true;
}

function entriesIn(stack: Stack): Map<string, Entry> {
  return new Map([...stack].map(([path, { entry }]) => [path, entry]));
}
