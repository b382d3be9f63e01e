import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../shared/process/run.ts';
import { walk } from './walk.ts';

/** `w`: a whiteout of an overlay, which says that the path is gone. */
export type EntryKind = 'd' | 'f' | 'l' | 'c' | 'b' | 'p' | 's' | 'w';

/** One path of a tree, with everything about it that an image holds. */
export interface Entry {
  /** `./etc/passwd` */
  readonly path: string;
  readonly kind: EntryKind;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of files; else 0. */
  readonly size: number;
  /** Whole milliseconds since the epoch. */
  readonly mtime: number;
  /** sha256 of a file's content, target of a link, `major:minor` of a device; else empty. */
  readonly content: string;
  /** Extended attributes, `name=0xhex`, sorted, joined by a blank. */
  readonly attributes: string;
  /** A folder that hides everything below it in earlier layers. */
  readonly opaque: boolean;
}

/** What makes two entries the same in an image. */
export function sameEntry(a: Entry, b: Entry): boolean {
  return sameButTime(a, b) && a.mtime === b.mtime;
}

export function sameButTime(a: Entry, b: Entry): boolean {
  return (
    a.kind === b.kind &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.size === b.size &&
    a.content === b.content &&
    a.attributes === b.attributes
  );
}

/** Everything in a tree or in the upper folder of an overlay, folders before what they hold. Reads every file once. */
export async function readEntries(root: string, signal: AbortSignal): Promise<Entry[]> {
  const attributes = await readAttributes(root, ['.'], signal);
  const found: Entry[] = [];
  const inodes = new Map<string, string>();
  for (const { path, info } of walk(root)) {
    signal.throwIfAborted();
    const inode = `${info.dev}:${info.ino}`;
    const known = info.nlink > 1 && info.isFile() ? inodes.get(inode) : undefined;
    const entry = entryOf(root, path, info, attributes.get(path), known);
    if (info.nlink > 1 && info.isFile()) inodes.set(inode, entry.content);
    found.push(entry);
  }
  return found;
}

/** `attributes`: of this path, as `readAttributes` has them. `content`: where it is known already. */
export function entryOf(
  root: string,
  path: string,
  info: Stats,
  attributes: ReadonlyMap<string, string> = new Map(),
  content?: string,
): Entry {
  const kind = kindOf(info);
  const own = [...attributes].filter(([name]) => !name.startsWith('trusted.overlay.') && name !== 'security.selinux');
  return {
    path,
    kind,
    mode: info.mode & 0o7777,
    uid: info.uid,
    gid: info.gid,
    size: kind === 'f' ? info.size : 0,
    mtime: Math.floor(info.mtimeMs),
    content: content ?? contentOf(join(root, path), kind, info),
    attributes: own
      .map(([name, value]) => `${name}=${value}`)
      .sort()
      .join(' '),
    opaque: attributes.get('trusted.overlay.opaque') === '0x79',
  };
}

function kindOf(info: Stats): EntryKind {
  if (info.isDirectory()) return 'd';
  if (info.isFile()) return 'f';
  if (info.isSymbolicLink()) return 'l';
  if (info.isCharacterDevice()) return info.rdev === 0 ? 'w' : 'c';
  if (info.isBlockDevice()) return 'b';
  return info.isFIFO() ? 'p' : 's';
}

function contentOf(file: string, kind: EntryKind, info: Stats): string {
  if (kind === 'f') return digestOf(file, info.size);
  if (kind === 'l') return readlinkSync(file);
  return kind === 'c' || kind === 'b' ? `${info.rdev >> 8}:${info.rdev & 0xff}` : '';
}

const wholeBytes = 16 << 20;

function digestOf(file: string, size: number): string {
  const hash = createHash('sha256');
  if (size <= wholeBytes) return hash.update(readFileSync(file)).digest('hex');
  const buffer = Buffer.allocUnsafe(4 << 20);
  const handle = openSync(file, 'r');
  try {
    for (let read = readSync(handle, buffer); read > 0; read = readSync(handle, buffer))
      hash.update(buffer.subarray(0, read));
  } finally {
    closeSync(handle);
  }
  return hash.digest('hex');
}

/** Extended attributes by path; paths without any are left out. With `['.']` of the whole tree. */
export async function readAttributes(
  root: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, ReadonlyMap<string, string>>> {
  const recursive = paths.length === 1 && paths[0] === '.';
  const found = new Map<string, Map<string, string>>();
  for (let at = 0; at < paths.length; at += 500) {
    const { stdout } = await run(
      'getfattr',
      [
        ...(recursive ? ['-R', '-P'] : []),
        ...['-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '--'],
        ...paths.slice(at, at + 500),
      ],
      // 1: some path has gone, or lies on a file system that knows no attributes.
      { cwd: root, signal, keepBytes: 64 << 20, allowExit: [1], env: { LC_ALL: 'C' } },
    );
    let current = new Map<string, string>();
    for (const line of stdout.split('\n')) {
      if (line.startsWith('# file: ')) {
        const name = unescaped(line.slice(8));
        const path = name === '.' || name.startsWith('./') ? name : `./${name}`;
        current = found.get(path) ?? new Map<string, string>();
        found.set(path, current);
      } else if (line !== '') {
        const equals = line.indexOf('=');
        if (equals < 0) current.set(line, '');
        else current.set(line.slice(0, equals), line.slice(equals + 1));
      }
    }
  }
  return found;
}

/** getfattr writes bytes that are no plain character as `\ooo`. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes: number[] = [];
  const source = Buffer.from(text);
  for (let at = 0; at < source.length; at += 1) {
    const octal = source[at] === 0x5c ? /^[0-7]{3}/.exec(source.toString('latin1', at + 1, at + 4))?.[0] : undefined;
    if (octal === undefined) bytes.push(source[at] ?? 0);
    else {
      bytes.push(Number.parseInt(octal, 8));
      at += 3;
    }
  }
  return Buffer.from(bytes).toString();
}

/** An entry as one line of JSON would be too long thirty thousand times over: as an array. */
export type PlainEntry = readonly [string, EntryKind, number, number, number, number, number, string, string, 0 | 1];

export function plainEntry(entry: Entry): PlainEntry {
  const { path, kind, mode, uid, gid, size, mtime, content, attributes, opaque } = entry;
  return [path, kind, mode, uid, gid, size, mtime, content, attributes, opaque ? 1 : 0];
}

/** Undefined for what is no list of entries. */
export function entriesOf(value: unknown): Entry[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const found: Entry[] = [];
  for (const item of value as readonly unknown[]) {
    if (!Array.isArray(item) || item.length < 10 || typeof item[0] !== 'string') return undefined;
    const [path, kind, mode, uid, gid, size, mtime, content, attributes, opaque] = item as unknown as PlainEntry;
    found.push({ path, kind, mode, uid, gid, size, mtime, content, attributes, opaque: opaque === 1 });
  }
  return found;
}
