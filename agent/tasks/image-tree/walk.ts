import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';

export interface TreeEntry {
  /** `./etc/passwd`; the tree itself is `.` */
  readonly path: string;
  readonly info: Stats;
}

/** Of an entry of the tree at `root`. */
export function placeOf(root: string, path: string): string {
  return path === '.' ? root : root + path.slice(1);
}

/** Undefined for what is not there, also because something on the way to it is no folder. */
export function statOf(file: string): Stats | undefined {
  try {
    return lstatSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/**
 * Everything in a tree, folders before what they hold, by name. Asks the kernel in order: quicker than in parallel. Names
 * are put together as they are: to have each looked through (path.join) would take as long as asking.
 */
export function walk(root: string): TreeEntry[] {
  const found: TreeEntry[] = [{ path: '.', info: lstatSync(root) }];
  const enter = (path: string): void => {
    for (const name of readdirSync(placeOf(root, path)).sort()) {
      const below = `${path}/${name}`;
      const entry = { path: below, info: lstatSync(placeOf(root, below)) };
      found.push(entry);
      if (entry.info.isDirectory()) enter(entry.path);
    }
  };
  enter('.');
  return found;
}

/** How long others may have to wait, in milliseconds. */
const politeMs = 10;

/** As `walk`, while other things are under way: they get their turn in between. */
export async function walkMeanwhile(root: string): Promise<TreeEntry[]> {
  const found: TreeEntry[] = [{ path: '.', info: lstatSync(root) }];
  let since = Date.now();
  const enter = async (path: string): Promise<void> => {
    for (const name of readdirSync(placeOf(root, path)).sort()) {
      const below = `${path}/${name}`;
      const entry = { path: below, info: lstatSync(placeOf(root, below)) };
      found.push(entry);
      if (Date.now() - since > politeMs) {
        await new Promise((resolve) => setImmediate(resolve));
        since = Date.now();
      }
      if (entry.info.isDirectory()) await enter(entry.path);
    }
  };
  await enter('.');
  return found;
}

/** The same for trees that are the same: names, kinds, owners, modes, sizes, times and links, not contents. */
export function treeDigest(root: string, entries: readonly TreeEntry[]): string {
  const hash = createHash('sha256');
  for (const { path, info } of entries) {
    const size = info.isDirectory() ? 0 : info.size;
    const link = info.isSymbolicLink() ? readlinkSync(placeOf(root, path)) : '';
    hash
      .update([path, info.mode, info.uid, info.gid, size, Math.floor(info.mtimeMs / 1000), info.rdev, link].join('\0'))
      .update('\n');
  }
  return hash.digest('hex');
}

/** Seconds since the epoch of what was changed last. */
export function newestTime(entries: readonly TreeEntry[]): number {
  return entries.reduce((newest, { info }) => Math.max(newest, Math.floor(info.mtimeMs / 1000)), 0);
}
