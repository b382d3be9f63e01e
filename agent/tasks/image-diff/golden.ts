import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkedFacts } from '../../../shared/clone/facts.ts';
import { unpackTree } from '../clone/generations/unpack.ts';
import { packagesOfBill } from '../clone/generations/look.ts';
import type { InstalledPackage } from '../image-tree/packages.ts';
import { removeTree } from '../image-tree/remove.ts';
import type { TaskContext } from '../types.ts';
import { listFolder, type Listed, type Listing } from './listing.ts';

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
    const found = new Map(await listFolder(folder, context.signal));
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
