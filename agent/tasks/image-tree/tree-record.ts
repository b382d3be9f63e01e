import type { Stats } from 'node:fs';
import { lstat, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { replaceFile } from '../../../shared/files/durable.ts';
import { entriesOf, entryOf, plainEntry, sameButTime } from './entries.ts';
import type { Entry } from './entries.ts';
import { statOf, walk } from './walk.ts';

/** What the kernel says of a file that nobody has touched since: inode, time of change, of modification, size. */
export type Stamp = readonly [ino: number, ctime: number, mtime: number, size: number];

/** A path of the tree as the last build left it. Without a stamp it was edited then already, and the edit kept. */
export interface Recorded {
  readonly entry: Entry;
  readonly stamp: Stamp | undefined;
}

/** What genimage put into `<rootimgdir>/rootimg`: beside the tree, so that edits are found whatever became of caches. */
export interface TreeRecord {
  /** Key of the stages that made it. */
  readonly key: string;
  readonly paths: Map<string, Recorded>;
}

const current = '.tree.json';
/** Of a tree that is about to take its place. */
const coming = '.tree.next.json';
/** What an apply that is under way makes of the paths it touches. */
const applying = '.tree.applying.json';

export function stampOf(info: Stats): Stamp {
  return [info.ino, info.ctimeMs, info.mtimeMs, info.size];
}

export function sameStamp(a: Stamp, b: Stamp): boolean {
  return a.every((value, index) => value === b[index]);
}

/** The record of the tree that is there now, undefined for a tree that no build made. A half-done apply is reckoned in. */
export async function readTreeRecord(rootimgdir: string): Promise<TreeRecord | undefined> {
  const root = await lstat(join(rootimgdir, 'rootimg')).catch(() => undefined);
  if (root?.isDirectory() !== true) return undefined;
  const next = await readOne(join(rootimgdir, coming));
  // A build was killed after its tree took its place and before the record did.
  const record = next?.paths.get('.')?.stamp?.[0] === root.ino ? next : await readOne(join(rootimgdir, current));
  if (record === undefined || !(await applyWasCut(rootimgdir))) return record;
  await reckonApply(rootimgdir, record);
  // Of no stages: whatever they are now, the tree is to be brought to them.
  return { ...record, key: '' };
}

async function applyWasCut(rootimgdir: string): Promise<boolean> {
  return (await lstat(join(rootimgdir, applying)).catch(() => undefined)) !== undefined;
}

/** Throws `failed_precondition` while the tree is between two states, because a build was killed at that moment. */
export async function requireWholeTree(rootimgdir: string): Promise<void> {
  if (!(await applyWasCut(rootimgdir))) return;
  throw new HostlerError(
    'failed_precondition',
    `A genimage was stopped while it brought ${rootimgdir}/rootimg up to date. Run genimage again; edits made by hand are kept.`,
  );
}

async function readOne(file: string): Promise<TreeRecord | undefined> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof found !== 'object' || found === null || !('format' in found) || found.format !== 1) return undefined;
    if (!('key' in found) || typeof found.key !== 'string') return undefined;
    const entries = 'entries' in found ? entriesOf(found.entries) : undefined;
    const stamps = 'stamps' in found && Array.isArray(found.stamps) ? (found.stamps as (Stamp | 0)[]) : undefined;
    if (entries === undefined || stamps?.length !== entries.length) return undefined;
    const paths = new Map<string, Recorded>();
    for (const [index, entry] of entries.entries())
      paths.set(entry.path, { entry, stamp: stamps[index] === 0 ? undefined : stamps[index] });
    return { key: found.key, paths };
  } catch {
    return undefined; // never built here, or by another version
  }
}

/** Paths that a killed build had already brought to their new state are recorded with that. */
async function reckonApply(rootimgdir: string, record: TreeRecord): Promise<void> {
  let targets: readonly (readonly [string, Entry | undefined])[];
  try {
    const found: unknown = JSON.parse(await readFile(join(rootimgdir, applying), 'utf8'));
    if (typeof found !== 'object' || found === null || !('gone' in found) || !('made' in found)) return;
    const made = entriesOf(found.made) ?? [];
    const gone = Array.isArray(found.gone) ? (found.gone as string[]) : [];
    targets = [...made.map((e) => [e.path, e] as const), ...gone.map((path) => [path, undefined] as const)];
  } catch {
    return; // none was under way
  }
  const tree = join(rootimgdir, 'rootimg');
  for (const [path, target] of targets) {
    const info = statOf(join(tree, path));
    if (target === undefined) {
      if (info === undefined) record.paths.delete(path);
    } else if (info !== undefined) {
      const known = record.paths.get(path);
      if (known?.stamp !== undefined && sameStamp(known.stamp, stampOf(info))) continue;
      const { attributes } = target;
      if (sameButTime({ ...entryOf(tree, path, info), attributes }, target))
        record.paths.set(path, { entry: target, stamp: stampOf(info) });
    }
  }
}

export async function writeTreeRecord(rootimgdir: string, record: TreeRecord, next = false): Promise<void> {
  const all = [...record.paths.values()];
  const text = JSON.stringify({
    format: 1,
    key: record.key,
    entries: all.map(({ entry }) => plainEntry(entry)),
    stamps: all.map(({ stamp }) => stamp ?? 0),
  });
  await replaceFile(join(rootimgdir, next ? coming : current), text, 0o600);
  if (next) return;
  await rm(join(rootimgdir, applying), { force: true });
  await rm(join(rootimgdir, coming), { force: true });
}

/** The record written as the coming one is the record of the tree now. */
export async function takeComing(rootimgdir: string): Promise<void> {
  await rename(join(rootimgdir, coming), join(rootimgdir, current));
  await rm(join(rootimgdir, applying), { force: true });
}

/** Before the first path is touched: what each will be. */
export async function writeApplying(
  rootimgdir: string,
  targets: readonly { readonly path: string; readonly after: Entry | undefined }[],
): Promise<void> {
  const made = targets.flatMap(({ after }) => (after === undefined ? [] : [plainEntry(after)]));
  const gone = targets.filter(({ after }) => after === undefined).map(({ path }) => path);
  await replaceFile(join(rootimgdir, applying), JSON.stringify({ made, gone }));
}

/** The record of a tree that was just put there. */
export function recordOf(root: string, key: string, entries: ReadonlyMap<string, Entry>): TreeRecord {
  const paths = new Map<string, Recorded>();
  for (const { path, info } of walk(root)) {
    const entry = entries.get(path);
    if (entry !== undefined) paths.set(path, { entry, stamp: stampOf(info) });
  }
  return { key, paths };
}
