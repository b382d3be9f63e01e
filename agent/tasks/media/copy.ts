import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, rm, symlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { checkSpace } from '../../store/space.ts';
import type { TaskContext } from '../types.ts';
import type { Digest } from './checksums.ts';
import type { Wanted } from './entries.ts';
import type { MediumEntry, OpenMedium } from './medium.ts';
import { pieces } from './pieces.ts';
import { Rate } from './rate.ts';

export interface CopyCounts {
  readonly files: number;
  readonly bytes: number;
  /** Files that were there already, whole. */
  readonly kept: number;
  /** Files whose digest is the one that the medium names. */
  readonly verified: number;
}

/** Where the parts of a copy are. */
export interface Places {
  /** Grows beside the target, under a name of its own, until it is whole. */
  readonly staging: string;
  /** What is there from an earlier copy; it may not exist. */
  readonly target: string;
}

/**
 * Copies everything wanted into `staging`, but what is already there or in the target with the right content. Throws
 * `data_loss` for a file whose content is not what the medium says it is; what was copied until then stays.
 */
export async function copyMedium(
  medium: OpenMedium,
  wanted: Wanted,
  digests: ReadonlyMap<string, Digest>,
  { staging, target }: Places,
  context: TaskContext,
): Promise<CopyCounts> {
  await mkdir(staging, { recursive: true, mode: 0o700 });
  for (const folder of wanted.folders) await mkdir(join(staging, folder), { recursive: true, mode: 0o755 });
  const bytes = wanted.files.reduce((sum, { size }) => sum + size, 0);
  const rate = new Rate(wanted.files.length, bytes, context);
  const seeming = new Map<string, string>();
  let missing = 0;
  for (const entry of wanted.files) {
    const found = await sizedAlike(entry, [join(staging, entry.path), join(target, entry.path)]);
    if (found === undefined) missing += entry.size;
    else seeming.set(entry.path, found);
  }
  await checkSpace(staging, missing);
  let kept = 0;
  let verified = 0;
  for (const entry of wanted.files) {
    const digest = digests.get(entry.path);
    const found = seeming.get(entry.path);
    const whole = found !== undefined && (await isWhole(medium, entry, found, digest, context.signal));
    if (whole) kept += 1;
    else await copyFile(medium, entry, join(staging, entry.path), digest, rate);
    if (digest !== undefined) verified += 1;
    rate.file(entry.size);
  }
  for (const { path, link } of wanted.links) {
    await rm(join(staging, path), { force: true });
    await symlink(link, join(staging, path));
  }
  rate.end();
  return { files: wanted.files.length, bytes, kept, verified };
}

/** The first of these that is an ordinary file of the entry's size. */
async function sizedAlike(entry: MediumEntry, places: readonly string[]): Promise<string | undefined> {
  for (const place of places) {
    const info = await lstat(place).catch(() => undefined);
    if (info?.isFile() === true && info.size === entry.size) return place;
  }
  return undefined;
}

/** By the digest that the medium names; where it names none, byte by byte. */
async function isWhole(
  medium: OpenMedium,
  entry: MediumEntry,
  file: string,
  digest: Digest | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const own = pieces(handle, [{ at: 0, bytes: entry.size }], entry.path, signal);
    if (digest !== undefined) {
      const hash = createHash(digest.algorithm);
      for await (const piece of own) hash.update(piece);
      return hash.digest('hex') === digest.hex;
    }
    let at = 0;
    const buffer = Buffer.allocUnsafe(Math.min(entry.size, 4 * 1024 * 1024));
    for await (const piece of medium.chunks(entry)) {
      const { bytesRead } = await handle.read(buffer, 0, piece.length, at);
      if (bytesRead !== piece.length || piece.compare(buffer, 0, bytesRead) !== 0) return false;
      at += bytesRead;
    }
    return true;
  } finally {
    await handle.close();
  }
}

async function copyFile(
  medium: OpenMedium,
  entry: MediumEntry,
  output: string,
  digest: Digest | undefined,
  rate: Rate,
): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  await rm(output, { recursive: true, force: true });
  const hash: Hash | undefined = digest === undefined ? undefined : createHash(digest.algorithm);
  const handle = await open(output, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  try {
    for await (const piece of medium.chunks(entry)) {
      const written = writeAll(handle, piece);
      // Meanwhile, on another core.
      hash?.update(piece);
      await written;
      rate.add(piece.length);
    }
  } finally {
    await handle.close();
  }
  const hex = hash?.digest('hex');
  if (digest !== undefined && hex !== digest.hex) {
    await rm(output, { force: true });
    throw new HostlerError(
      'data_loss',
      `The medium is damaged: the ${digest.algorithm} of ${entry.path} is ${hex ?? ''}, its own list says ${digest.hex}. Fetch the medium again.`,
    );
  }
  // Media are served to everybody; who owns what on them, and what is set-user-id there, means nothing here.
  await chmod(output, entry.executable ? 0o755 : 0o644);
}

async function writeAll(handle: FileHandle, piece: Buffer): Promise<void> {
  for (let done = 0; done < piece.length;) {
    done += (await handle.write(piece, done, piece.length - done)).bytesWritten;
  }
}
