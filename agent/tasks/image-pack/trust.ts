import { lstat, open, readFile, readdir } from 'node:fs/promises';
import { basename, posix } from 'node:path';
import { Readable } from 'node:stream';
import { run } from '../../../shared/process/run.ts';
import { publicKeyPem } from '../../../shared/identity/image-statement.ts';
import { cpio } from '../image-build/initrd/cpio.ts';
import type { CpioEntry } from '../image-build/initrd/cpio.ts';
import { existsInside } from '../image-tree/inside.ts';
import { elfNeeds } from './elf.ts';

/** In the initrd; init.sh looks there. */
const folder = 'lib/hostler';
const mostLibraries = 50;

/**
 * Adds to an initrd what checks the signature of the image: the manager's public key, and openssl of the image itself
 * with all that it needs. The kernel unpacks archives that stand one behind the other. False: the image has no openssl
 * 3, and its nodes check the digest alone.
 */
export async function addSignatureCheck(
  initrd: string,
  { tree, key, signal }: { readonly tree: string; readonly key: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const program = await opensslOf(tree);
  if (program === undefined) return false;
  const entries: CpioEntry[] = ['lib', folder, 'etc', 'etc/hostler'].map((path) => ({ path, kind: 'folder' }));
  for (const [name, content] of [...program].sort(([a], [b]) => (a < b ? -1 : 1))) {
    entries.push({ path: `${folder}/${name}`, kind: 'file', mode: 0o755, content });
  }
  entries.push({ path: 'etc/hostler/image.pem', kind: 'file', content: Buffer.from(publicKeyPem(key)) });
  const handle = await open(initrd, 'a');
  try {
    await run('zstd', ['-q', '-3', '-T1', '-c'], { input: Readable.from(cpio(entries)), stdoutTo: handle.fd, signal });
  } finally {
    await handle.close();
  }
  return true;
}

/** openssl, its loader as `ld.so`, its libraries: name to content. Undefined where there is none that knows Ed25519. */
async function opensslOf(tree: string): Promise<Map<string, Buffer> | undefined> {
  const file = await existsInside(tree, 'usr/bin/openssl');
  if (file === undefined || !(await lstat(file)).isFile()) return undefined;
  const content = await readFile(file);
  const needs = elfNeeds(content);
  // Its command pkeyutl signs and verifies whole files since version 3.
  if (needs === undefined || !needs.libraries.includes('libcrypto.so.3')) return undefined;
  const loader = await existsInside(tree, needs.loader);
  if (loader === undefined) return undefined;
  const found = new Map<string, Buffer>([
    ['openssl', content],
    ['ld.so', await readFile(loader)],
  ]);
  const folders = await libraryFolders(tree, content);
  const wanted = [...needs.libraries];
  for (let name = wanted.shift(); name !== undefined; name = wanted.shift()) {
    if (found.has(name) || name === basename(needs.loader)) continue;
    const library = await findLibrary(tree, folders, name);
    if (library === undefined || found.size > mostLibraries) return undefined;
    found.set(name, library);
    wanted.push(...(elfNeeds(library)?.libraries ?? []));
  }
  return found;
}

/** Where libraries of that architecture lie: the usual places and one folder below them (Debian's triplets). */
async function libraryFolders(tree: string, like: Buffer): Promise<{ folders: string[]; like: Buffer }> {
  const folders: string[] = [];
  for (const top of ['usr/lib64', 'lib64', 'usr/lib', 'lib']) {
    folders.push(top);
    const at = await existsInside(tree, top);
    const names = at === undefined ? [] : await readdir(at).catch(() => []);
    folders.push(...names.filter((name) => name.includes('-linux-')).map((name) => posix.join(top, name)));
  }
  return { folders, like };
}

async function findLibrary(
  tree: string,
  { folders, like }: { folders: readonly string[]; like: Buffer },
  name: string,
): Promise<Buffer | undefined> {
  for (const at of folders) {
    const file = await existsInside(tree, posix.join(at, posix.basename(name)));
    if (file === undefined) continue;
    const content = await readFile(file);
    // Class, byte order and machine: a library of another architecture may lie beside.
    if (content.subarray(4, 6).equals(like.subarray(4, 6)) && content.subarray(18, 20).equals(like.subarray(18, 20)))
      return content;
  }
  return undefined;
}
