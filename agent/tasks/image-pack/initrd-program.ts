import { open, readFile, readdir } from 'node:fs/promises';
import { basename, posix } from 'node:path';
import { Readable } from 'node:stream';
import { run } from '../../../shared/process/run.ts';
import { cpio } from '../image-build/initrd/cpio.ts';
import type { CpioEntry } from '../image-build/initrd/cpio.ts';
import { elfNeeds } from '../image-tree/elf.ts';
import { existsInside } from '../image-tree/inside.ts';

const mostLibraries = 50;

/**
 * A program of a root (an image's tree, or `/`) as an initrd can run it: the program under `name`, its loader as `ld.so`
 * (none: it needs none), its libraries under their own names. Undefined for what is no 64-bit ELF program, or lacks a
 * library.
 */
export async function programFiles(root: string, file: string, name: string): Promise<Map<string, Buffer> | undefined> {
  const content = await readFile(file);
  const needs = elfNeeds(content);
  if (needs === undefined) return undefined;
  const found = new Map<string, Buffer>([[name, content]]);
  if (needs.loader === '') return needs.libraries.length === 0 ? found : undefined;
  const loader = await existsInside(root, needs.loader);
  if (loader === undefined) return undefined;
  found.set('ld.so', await readFile(loader));
  const folders = await libraryFolders(root);
  const wanted = [...needs.libraries];
  for (let next = wanted.shift(); next !== undefined; next = wanted.shift()) {
    if (found.has(next) || next === basename(needs.loader)) continue;
    const library = await findLibrary(root, folders, next, content);
    if (library === undefined || found.size > mostLibraries) return undefined;
    found.set(next, library);
    wanted.push(...(elfNeeds(library)?.libraries ?? []));
  }
  return found;
}

/** Those files in a folder of an initrd, the folder and its parents before them. */
export function programEntries(folder: string, files: ReadonlyMap<string, Buffer>): CpioEntry[] {
  const parts = folder.split('/');
  const entries: CpioEntry[] = parts.map((_, at) => ({ path: parts.slice(0, at + 1).join('/'), kind: 'folder' }));
  for (const [name, content] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    entries.push({ path: `${folder}/${name}`, kind: 'file', mode: 0o755, content });
  }
  return entries;
}

/** Adds to an initrd: the kernel unpacks archives that stand one behind the other. */
export async function appendEntries(initrd: string, entries: readonly CpioEntry[], signal: AbortSignal): Promise<void> {
  const handle = await open(initrd, 'a');
  try {
    await run('zstd', ['-q', '-3', '-T1', '-c'], { input: Readable.from(cpio(entries)), stdoutTo: handle.fd, signal });
  } finally {
    await handle.close();
  }
}

/** The usual places and one folder below them (Debian's triplets). */
async function libraryFolders(root: string): Promise<string[]> {
  const folders: string[] = [];
  for (const top of ['usr/lib64', 'lib64', 'usr/lib', 'lib']) {
    folders.push(top);
    const at = await existsInside(root, top);
    const names = at === undefined ? [] : await readdir(at).catch(() => []);
    folders.push(...names.filter((name) => name.includes('-linux-')).map((name) => posix.join(top, name)));
  }
  return folders;
}

async function findLibrary(
  root: string,
  folders: readonly string[],
  name: string,
  like: Buffer,
): Promise<Buffer | undefined> {
  for (const at of folders) {
    const file = await existsInside(root, posix.join(at, posix.basename(name)));
    if (file === undefined) continue;
    const content = await readFile(file);
    // Class, byte order and machine: a library of another architecture may lie beside.
    if (content.subarray(4, 6).equals(like.subarray(4, 6)) && content.subarray(18, 20).equals(like.subarray(18, 20)))
      return content;
  }
  return undefined;
}
