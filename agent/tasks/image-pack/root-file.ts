import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replaceFile } from '../../../shared/files/durable.ts';
import type { BlobRef, StoreAccess } from '../../../shared/task/blob.ts';
import { packedName } from '../../../shared/task/image-pack.ts';
import { BlobStore } from '../../store/blobs.ts';
import { isDigest } from '../../store/digest.ts';
import { LayerCache } from '../image-build/layers/cache.ts';
import type { Looked } from '../image-tree/edits.ts';
import { sameStamp, stampOf, type Stamp } from '../image-tree/tree-record.ts';
import { placeOf, statOf } from '../image-tree/walk.ts';
import type { TaskContext } from '../types.ts';
import { pack, productPattern, squashfsOptions, type ArchiveRequest } from './archive.ts';
import { keepFile } from './keep.ts';

/** Raised when this code packs another file of the same inputs. */
const format = 2;

export interface RootRequest extends Omit<ArchiveRequest, 'output'> {
  readonly rootimgdir: string;
  readonly store: StoreAccess;
  /** What the packing programs say that they are. */
  readonly tools: Readonly<Record<string, string>>;
  /** What genimage put into the tree, and what stands there now; undefined for a tree that it did not make. */
  readonly known: Looked | undefined;
}

export interface RootFile {
  readonly blob: BlobRef;
  /** Until it is settled, a file is written in the folder for work. */
  readonly copied: Promise<void>;
  /** Puts the copy for people under xCAT's name; to be called when everything else is kept. */
  place(): Promise<void>;
}

/** The copy in `<rootimgdir>`, as it was put there. */
interface Standing {
  readonly digest: string;
  readonly name: string;
  readonly stamp: Stamp;
}

const standingName = '.pack.json';

/**
 * The stage `pack`: the tree as one file, in the store that is to keep it. Known by everything that decides its bytes, and
 * not packed again while a file packed of the same is there, unchanged: in this agent's store, or in the image folder.
 */
export async function rootFile(request: RootRequest, context: TaskContext): Promise<RootFile> {
  const key = await keyOf(request);
  const kept = key === undefined ? undefined : join(new LayerCache(context.home).packs, key);
  const known = kept === undefined ? undefined : await readKept(kept);
  const again = known === undefined ? undefined : await asBefore(known, request, context);
  if (again !== undefined) {
    context.log('pack: as before');
    return again;
  }
  const { rootimgdir, method, compress, work, store } = request;
  const fresh = `${join(rootimgdir, packedName(method, compress))}.new-${process.pid}`;
  try {
    const began = Date.now();
    await pack({ ...request, output: fresh }, context);
    context.log(`pack: ${((Date.now() - began) / 1000).toFixed(1)} s`);
    const copy = join(work, 'product');
    const { digest, bytes } = await keepFile(fresh, 'image', store, context, 'move');
    const elsewhere = store.endpoints.length > 0;
    if (elsewhere) await rename(fresh, copy);
    // While the rest is done.
    const copied = elsewhere ? Promise.resolve() : copyBlob(digest, copy, context);
    copied.catch(() => {}); // looked at when it is placed
    const changed = kept === undefined ? undefined : changedSince(request);
    if (changed !== undefined) context.log(`Warning: ${changed} was changed while the tree was packed: pack it again.`);
    else if (kept !== undefined) {
      await mkdir(dirname(kept), { recursive: true, mode: 0o700 });
      await replaceFile(kept, JSON.stringify({ digest, bytes }));
    }
    return { blob: { digest, bytes }, copied, place: () => copied.then(() => place(request, copy, digest)) };
  } finally {
    await rm(fresh, { force: true });
  }
}

/**
 * To stand under xCAT's name in the image folder: never the blob itself, which nobody may change, whatever an
 * administrator does with the file.
 */
async function copyBlob(digest: string, copy: string, context: TaskContext): Promise<void> {
  await copyFile(new BlobStore(context.home).path(digest), copy, constants.COPYFILE_FICLONE);
  await chmod(copy, 0o644);
}

/**
 * Digest of all that decides the packed file: every path with its content, mode, owner, times, attributes and hard links,
 * what stands in its place, how it is packed and by which programs.
 */
async function keyOf({ method, compress, survey, additions, folder, tools, known }: RootRequest) {
  if (known === undefined) return undefined;
  const hash = createHash('sha256');
  const options = method === 'squashfs' ? (squashfsOptions[compress] ?? []) : [];
  hash.update(JSON.stringify([format, method, compress, options, tools, survey.newest]));
  const links = new Map<string, string>();
  for (const { path, info } of survey.kept) {
    const entry = known.scan.actual.get(path) ?? known.record.paths.get(path)?.entry;
    if (entry === undefined) return undefined;
    const inode = `${info.dev}:${info.ino}`;
    const first = info.nlink > 1 && info.isFile() ? links.get(inode) : undefined;
    if (first === undefined) links.set(inode, path);
    const size = info.isDirectory() ? 0 : info.size;
    const look = [info.mode, info.uid, info.gid, size, Math.floor(info.mtimeMs), info.rdev];
    hash.update(`\n${JSON.stringify([path, look, entry.content, entry.attributes, first ?? ''])}`);
  }
  for (const one of additions) {
    const content = one.kind === 'file' ? await readFile(join(folder, one.path)) : '';
    hash.update(`\n${JSON.stringify(one)}`).update(createHash('sha256').update(content).digest('hex'));
  }
  return hash.digest('hex');
}

/** A path that is not any more as it was when the tree was looked through. */
function changedSince({ tree, survey }: RootRequest): string | undefined {
  return survey.kept.find(({ path, info }) => {
    const now = statOf(placeOf(tree, path));
    return now === undefined || !sameStamp(stampOf(now), stampOf(info));
  })?.path;
}

async function readKept(file: string): Promise<BlobRef | undefined> {
  try {
    const { digest, bytes } = JSON.parse(await readFile(file, 'utf8')) as Partial<Record<string, unknown>>;
    return typeof digest === 'string' && isDigest(digest) && typeof bytes === 'number' ? { digest, bytes } : undefined;
  } catch {
    return undefined; // never packed, or cleared away
  }
}

/** Undefined when the file is neither in this agent's store nor in the image folder, or is not what it was. */
async function asBefore(known: BlobRef, request: RootRequest, context: TaskContext): Promise<RootFile | undefined> {
  const { rootimgdir, method, compress, work, store } = request;
  const product = join(rootimgdir, packedName(method, compress));
  const stands = (await standingDigest(rootimgdir, product)) === known.digest;
  if (store.endpoints.length === 0) {
    context.progress('store', 'looking at the image that was packed before');
    const blobs = new BlobStore(context.home);
    if (await blobs.keepAgain(known.digest, { signal: context.signal, wantedBy: context.dir })) {
      if (stands) return { blob: known, ...nothingToPlace };
      const copy = join(work, 'product');
      await copyBlob(known.digest, copy, context);
      return { blob: known, copied: Promise.resolve(), place: () => place(request, copy, known.digest) };
    }
  }
  if (!stands) return undefined;
  const { digest, bytes } = await keepFile(product, 'image', store, context);
  return digest === known.digest ? { blob: { digest, bytes }, ...nothingToPlace } : undefined;
}

const nothingToPlace = { copied: Promise.resolve(), place: () => Promise.resolve() };

async function place({ rootimgdir, method, compress }: RootRequest, copy: string, digest: string): Promise<void> {
  const name = packedName(method, compress);
  const product = join(rootimgdir, name);
  await rename(copy, product);
  const stamp = stampOf(await lstat(product));
  await replaceFile(join(rootimgdir, standingName), JSON.stringify({ digest, name, stamp }), 0o644);
  // Of another method: nobody shall take an old one for this version.
  for (const other of await readdir(rootimgdir)) {
    if (productPattern.test(other) && other !== name) await rm(join(rootimgdir, other), { force: true });
  }
}

/** Digest of the copy in the image folder, if nobody has touched it since. */
async function standingDigest(rootimgdir: string, product: string): Promise<string | undefined> {
  try {
    const { digest, name, stamp } = JSON.parse(await readFile(join(rootimgdir, standingName), 'utf8')) as Standing;
    const untouched = join(rootimgdir, name) === product && sameStamp(stamp, stampOf(await lstat(product)));
    return untouched ? digest : undefined;
  } catch {
    return undefined; // nothing was packed here yet, or it was taken away
  }
}
