import {
  chmod,
  chown,
  lstat,
  lutimes,
  mkdir,
  readFile,
  readdir,
  readlink,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { BundledSynclist, SyncNode } from '../../../shared/task/build-lists.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { readListFile } from '../image-build/list-file.ts';
import { sourcesOf } from '../image-pack/sync-files.ts';
import { parseSynclist } from '../image-pack/synclist.ts';
import { Fields } from '../image-tree/fields.ts';

/** What a file of that size may still be; throws when it is too much. */
type Count = (bytes: number) => void;

/**
 * A synclist with the files that it names, read here. `count` hears of each. Throws `not_found` for what is not here, and
 * what `parseSynclist` throws.
 */
export async function gatherSynclist(list: string, count: Count): Promise<BundledSynclist> {
  const text = await readListFile(list).catch((cause: unknown) => {
    if (cause instanceof HostlerError) throw cause;
    throw absent(list, cause);
  });
  count(Buffer.byteLength(text));
  const entries: SyncNode[][] = [];
  for (const entry of parseSynclist(list, text).entries) {
    const nodes: SyncNode[] = [];
    for (const source of await sourcesOf(entry)) {
      const info = await stat(source).catch((cause: unknown) => {
        throw absent(source, cause);
      });
      nodes.push(...(await nodesOf(source, info, count)));
    }
    entries.push(nodes);
  }
  return { text, entries };
}

/** None for what is neither file, folder nor link: packing leaves it out. */
async function nodesOf(file: string, info: Awaited<ReturnType<typeof lstat>>, count: Count): Promise<SyncNode[]> {
  const look = {
    name: basename(file),
    mode: Number(info.mode) & 0o7777,
    uid: Number(info.uid),
    gid: Number(info.gid),
    time: Math.floor(Number(info.mtimeMs) / 1000),
  };
  if (info.isSymbolicLink()) return [{ ...look, kind: 'link', target: await readlink(file) }];
  if (info.isFile()) {
    count(Number(info.size));
    return [{ ...look, kind: 'file', content: (await readFile(file)).toString('base64') }];
  }
  if (!info.isDirectory()) return [];
  const children: SyncNode[] = [];
  for (const name of (await readdir(file)).sort()) {
    count(0);
    const below = join(file, name);
    children.push(...(await nodesOf(below, await lstat(below), count)));
  }
  return [{ ...look, kind: 'folder', children }];
}

function absent(file: string, cause: unknown): HostlerError {
  return new HostlerError('not_found', `${file} cannot be read on the management node either.`, { cause });
}

/**
 * Writes a synclist and what it names into a folder, where packing finds it: `<file>`, and the sources of its entries in
 * `<file>.files/<entry>/<source>/`. Nothing of it is written elsewhere, whatever it says.
 */
export async function layOutSynclist(value: Json, file: string): Promise<void> {
  const fields = new Fields(value, 'build-lists.synclists');
  await writeFile(file, fields.text('text'), { mode: 0o600 });
  for (const [entry, nodes] of listOf(value, 'entries').entries()) {
    if (!Array.isArray(nodes)) throw wrong();
    for (const [source, node] of (nodes as readonly Json[]).entries()) {
      const folder = join(`${file}.files`, String(entry), String(source));
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await layOut(node, folder);
    }
    await mkdir(join(`${file}.files`, String(entry)), { recursive: true, mode: 0o700 });
  }
}

async function layOut(value: Json, folder: string): Promise<void> {
  const node = new Fields(value, 'build-lists.synclists');
  const name = node.text('name');
  if (name === '' || name === '.' || name === '..' || name.includes('/')) throw wrong();
  const file = join(folder, name);
  const kind = node.oneOf('kind', ['file', 'folder', 'link']);
  if (kind === 'link') await symlink(node.text('target'), file);
  else if (kind === 'file')
    await writeFile(file, Buffer.from(node.text('content'), 'base64'), { mode: 0o600, flag: 'wx' });
  else {
    await mkdir(file, { mode: 0o700 });
    for (const child of listOf(value, 'children')) await layOut(child, file);
  }
  if (kind !== 'link') {
    await chown(file, node.count('uid'), node.count('gid'));
    await chmod(file, node.count('mode') & 0o7777);
  }
  await lutimes(file, node.count('time'), node.count('time'));
}

function listOf(value: Json, name: string): readonly Json[] {
  const list = (value as { readonly [key: string]: Json })[name];
  if (!Array.isArray(list)) throw wrong();
  return list as readonly Json[];
}

function wrong(): HostlerError {
  return new HostlerError('invalid_argument', 'The synclists that came are broken: nothing was packed.');
}
