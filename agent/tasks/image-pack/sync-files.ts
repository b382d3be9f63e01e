import type { Stats } from 'node:fs';
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { readListFile } from '../image-build/list-file.ts';
import { existsInside } from '../image-tree/inside.ts';
import type { Additions } from './additions.ts';
import { compile } from './exlist.ts';
import { mergeAccounts, parseSynclist, type SyncEntry } from './synclist.ts';

const mostFiles = 100_000;

/** A line of a synclist, and where what it names lies; undefined: where it says. */
type Located = SyncEntry & { readonly brought?: string | undefined };

/**
 * Does what synclists say to an image: copies, then appends, then merges. Returns remarks. `brought`: the files that a
 * list names lie beside it, as `layOutSynclist` puts them.
 */
export async function applySynclists(
  lists: readonly string[],
  tree: string,
  additions: Additions,
  brought = false,
): Promise<string[]> {
  const remarks: string[] = [];
  const entries: Located[] = [];
  for (const list of lists) {
    const text = await readListFile(list).catch((error: unknown) => {
      if (error instanceof HostlerError) throw error;
      throw new HostlerError('not_found', `The synclist ${list} cannot be read.`, { cause: error });
    });
    const parsed = parseSynclist(list, text);
    entries.push(
      ...parsed.entries.map((entry, at) => ({
        ...entry,
        brought: brought ? join(`${list}.files`, String(at)) : undefined,
      })),
    );
    remarks.push(...parsed.remarks);
  }
  let files = 0;
  const count = (): void => {
    if ((files += 1) > mostFiles) {
      throw new HostlerError('invalid_argument', `The synclists name more than ${mostFiles} files.`);
    }
  };
  for (const how of ['copy', 'append', 'merge'] as const) {
    for (const entry of entries.filter((one) => one.how === how)) {
      const sources = entry.brought === undefined ? await sourcesOf(entry) : await broughtSources(entry.brought);
      if (sources.length === 0) remarks.push(`No file is named by ${entry.sources.join(' ')}.`);
      for (const source of sources) {
        count();
        const info = await stat(source).catch(() => undefined);
        if (info === undefined) throw new HostlerError('not_found', `${source}, which a synclist names, is not there.`);
        if (how !== 'copy' && !info.isFile())
          throw new HostlerError('invalid_argument', `${source}, which a synclist names, is not an ordinary file.`);
        if (how === 'merge') {
          const more = await readFile(source, 'utf8');
          await additions.change(entry.destination, (text) => mergeAccounts(text, more));
        } else {
          const there = await destinationOf(entry, sources.length, source, tree);
          if (how === 'append') await additions.append(source, info, there);
          else await copy(source, info, there, { additions, count, hidden: false });
        }
      }
    }
  }
  return remarks;
}

/** The files of this machine that a line names. */
export async function sourcesOf(entry: SyncEntry): Promise<string[]> {
  return (await Promise.all(entry.sources.map(expanded))).flat();
}

/** Each in a numbered folder of its own. */
async function broughtSources(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (let at = 0; ; at += 1) {
    const [name] = await readdir(join(folder, String(at))).catch(() => []);
    if (name === undefined) return found;
    found.push(join(folder, String(at), name));
  }
}

async function destinationOf(entry: SyncEntry, count: number, source: string, tree: string): Promise<string> {
  const { destination } = entry;
  const folder = entry.intoFolder || count > 1 || (await isFolder(tree, destination));
  return folder ? posix.join(destination, basename(source)) : destination;
}

async function isFolder(tree: string, path: string): Promise<boolean> {
  const file = await existsInside(tree, path);
  return file !== undefined && (await lstat(file)).isDirectory();
}

interface Copying {
  readonly additions: Additions;
  readonly count: () => void;
  /** In a folder of the list's that not everybody may enter. */
  readonly hidden: boolean;
}

async function copy(source: string, info: Stats, path: string, how: Copying): Promise<void> {
  if (!info.isDirectory()) {
    if (info.isFile() || info.isSymbolicLink()) await how.additions.bring(source, info, path, how.hidden);
    return;
  }
  await how.additions.folderAs(info, path);
  const hidden = how.hidden || (info.mode & 0o001) === 0;
  for (const name of (await readdir(source)).sort()) {
    how.count();
    const file = join(source, name);
    await copy(file, await lstat(file), posix.join(path, name), { ...how, hidden });
  }
}

/** `*`, `?` and `[...]` in any part of an absolute path; hidden names only where the pattern says so. */
async function expanded(pattern: string): Promise<string[]> {
  let found = ['/'];
  for (const part of pattern.split('/').filter((one) => one !== '')) {
    if (!/[*?[]/.test(part)) found = found.map((at) => join(at, part));
    else {
      const fits = compile(part);
      const names = await Promise.all(
        found.map(async (at) => (await readdir(at).catch(() => [])).map((name) => ({ at, name }))),
      );
      found = names
        .flat()
        .filter(({ name }) => fits(name) && (part.startsWith('.') || !name.startsWith('.')))
        .map(({ at, name }) => join(at, name))
        .sort();
    }
  }
  return found;
}
