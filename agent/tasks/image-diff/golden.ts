import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { checkedFacts } from '../../../shared/clone/facts.ts';
import { unpackTree } from '../clone/generations/unpack.ts';
import { packagesOfBill } from '../clone/generations/look.ts';
import type { InstalledPackage } from '../image-tree/packages.ts';
import { removeTree } from '../image-tree/remove.ts';
import type { TaskContext } from '../types.ts';
import { type Listed, type Listing } from './listing.ts';

/** A golden image: its tree, and beside it what else decides about a clone (disk layout, overrides, scripts). */
export async function listGolden(
  root: { readonly file: string; readonly digest: string },
  factsFile: string,
  work: string,
  context: TaskContext,
): Promise<Listing> {
  const facts = checkedFacts(JSON.parse(await readFile(factsFile, 'utf8')));
  const folder = join(work, 'unpacked');
  await mkdir(work, { recursive: true, mode: 0o700 });
  try {
    await unpackTree(root.file, root.digest, folder, context);
    const found = await listBytes(folder, context.signal);
    const digest = createHash('sha256').update(JSON.stringify(facts.layout)).digest('hex');
    found.set('(disk layout)', beside(digest, 0));
    for (const piece of facts.pieces) found.set(`(${piece.kind} ${piece.name})`, beside(piece.digest, piece.bytes));
    return found;
  } finally {
    await removeTree(folder);
  }
}

function beside(content: string, bytes: number): Listed {
  return { kind: 'f', mode: '', owner: '', bytes, content };
}

export async function goldenPackages(bill: string): Promise<InstalledPackage[]> {
  return packagesOfBill(JSON.parse(await readFile(bill, 'utf8')));
}

/** As `listFolder`, for a tree whose names may be any bytes; those that are no plain text are shown with escapes. */
async function listBytes(root: string, signal: AbortSignal): Promise<Map<string, Listed>> {
  const found = new Map<string, Listed>();
  const enter = async (path: Buffer, name: string): Promise<void> => {
    signal.throwIfAborted();
    const info = await lstat(path);
    const kind = info.isDirectory() ? 'd' : info.isFile() ? 'f' : info.isSymbolicLink() ? 'l' : 'x';
    const content =
      kind === 'f' ? await contentOf(path) : kind === 'l' ? shown(await readlink(path, 'buffer')) : String(info.rdev);
    const mode = (info.mode & 0o7777).toString(8);
    found.set(name, { kind, mode, owner: `${info.uid}:${info.gid}`, bytes: kind === 'f' ? info.size : 0, content });
    if (kind !== 'd') return;
    for (const inner of await readdir(path, { encoding: 'buffer' }))
      await enter(Buffer.concat([path, Buffer.from('/'), inner]), `${name}/${shown(inner)}`);
  };
  await enter(Buffer.from(root), '.');
  return found;
}

async function contentOf(path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 18 })) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** `\\012` for whatever would not stand in one line of text, or turn the terminal's letters about. */
function shown(name: Buffer): string {
  const text = name.toString('utf8');
  if (Buffer.from(text).equals(name) && !/[\p{C}\p{Zl}\p{Zp}\\]/u.test(text)) return text;
  return name
    .toString('latin1')
    .replace(/[^ -\[\]-~]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
