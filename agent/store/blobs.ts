import { createHash, randomBytes } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import type { BlobRef } from '../../shared/task/blob.ts';
import { checkedDigest, digestOf, isDigest } from './digest.ts';
import { syncPath } from '../../shared/files/durable.ts';
import { checkSpace } from './space.ts';

/** Between the end of a task and the manager's knowing what it made. */
const afterTaskMs = 5_000;

export interface PutOptions {
  readonly digest?: string;
  readonly signal?: AbortSignal;
  /** Folder of the task that puts it in; gone when its result is known. */
  readonly wantedBy?: string;
}

/**
 * Files by their content: `<home>/store/blobs/<aa>/<sha256>`, immutable. Any process of the agent may use the folder
 * at the same time: a blob appears by one rename and never changes after.
 */
export class BlobStore {
  readonly #blobs: string;
  readonly #partial: string;
  /** By blobs that were put in once more: who did, for `removeUnlessWanted`. */
  readonly #again: string;

  constructor(home: string) {
    this.#blobs = join(home, 'store', 'blobs');
    this.#partial = join(home, 'store', 'partial');
    this.#again = join(home, 'store', 'again');
  }

  /** Where a blob of that digest lies or would lie. */
  path(digest: string): string {
    return join(this.#blobs, checkedDigest(digest).slice(0, 2), digest);
  }

  /** Where an upload of that digest grows; one server process at a time works on it. */
  partialPath(digest: string): string {
    return join(this.#partial, checkedDigest(digest));
  }

  /** Bytes, or undefined when it is not here. */
  async size(digest: string): Promise<number | undefined> {
    return sizeOf(this.path(digest));
  }

  async partialSize(digest: string): Promise<number> {
    return (await sizeOf(this.partialPath(digest))) ?? 0;
  }

  /**
   * Takes a file in. `move` takes it away from where it is (nobody may hold it open for writing); `copy` leaves it.
   * With `digest` a file of other content is refused as `data_loss` (and left where it is).
   */
  async putFile(file: string, how: 'move' | 'copy', options: PutOptions = {}): Promise<BlobRef> {
    if (how === 'copy') {
      const temporary = await this.#temporary((await stat(file)).size);
      try {
        await copyFile(file, temporary, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
        return await this.#adopt(temporary, options);
      } finally {
        await rm(temporary, { force: true });
      }
    }
    try {
      return await this.#adopt(file, options);
    } catch (error) {
      if (!isCode(error, 'EXDEV')) throw error;
    }
    const reference = await this.putFile(file, 'copy', options);
    await rm(file);
    return reference;
  }

  /**
   * As if the blob that is here were put in once more. False when it is not here, or is not what its name says any more:
   * then it is to be put in again.
   */
  async keepAgain(
    digest: string,
    { signal, wantedBy = '' }: Pick<PutOptions, 'signal' | 'wantedBy'>,
  ): Promise<boolean> {
    if ((await this.size(digest)) === undefined) return false;
    // First the mark: who collects looks at it before he takes a blob away.
    await this.#wanted(digest, wantedBy);
    const whole = await this.verify(digest, signal).catch(() => false);
    signal?.throwIfAborted();
    return whole && (await this.size(digest)) !== undefined;
  }

  /** Takes a stream in. `bytes`: how much is expected; more or less is refused as `data_loss`. */
  async putStream(
    source: Readable | AsyncIterable<Uint8Array>,
    options: { digest?: string; bytes?: number; signal?: AbortSignal } = {},
  ): Promise<BlobRef> {
    const temporary = await this.#temporary(options.bytes ?? 0);
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      await pipeline(
        source,
        async function* (pieces: AsyncIterable<Uint8Array>) {
          for await (const piece of pieces) {
            bytes += piece.length;
            if (options.bytes !== undefined && bytes > options.bytes) break;
            hash.update(piece);
            yield piece;
          }
        },
        createWriteStream(temporary, { flags: 'wx', mode: 0o600 }),
        ...(options.signal ? [{ signal: options.signal }] : []),
      );
      if (options.bytes !== undefined && bytes !== options.bytes) {
        throw new HostlerError('data_loss', `The stream was not ${options.bytes} bytes long; nothing was kept.`);
      }
      const digest = hash.digest('hex');
      requireDigest(digest, options.digest);
      await this.#place(temporary, digest);
      return { digest, bytes };
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** Reads the blob again and says whether it is still what its name says. */
  async verify(digest: string, signal?: AbortSignal): Promise<boolean> {
    return (await digestOf(this.path(digest), signal)).digest === digest;
  }

  async remove(digest: string): Promise<void> {
    await rm(this.path(digest), { force: true });
    await rm(this.partialPath(digest), { force: true });
  }

  /**
   * Takes a blob away, unless somebody put the same content in again whose result may not be known yet: a task whose
   * folder is still there, or, where no task was named, anybody during the last `graceMs`. Returns the bytes that are
   * free now; undefined when it was kept.
   */
  async removeUnlessWanted(digest: string, graceMs: number): Promise<number | undefined> {
    const mark = join(this.#again, checkedDigest(digest));
    const wanted = await stat(mark).catch(() => undefined);
    if (wanted !== undefined) {
      const task = await readFile(mark, 'utf8');
      const busy = task !== '' && (await stat(task).catch(() => undefined)) !== undefined;
      if (busy || wanted.mtimeMs > Date.now() - (task === '' ? graceMs : afterTaskMs)) return undefined;
    }
    const bytes = (await this.size(digest)) ?? 0;
    await this.remove(digest);
    await rm(mark, { force: true });
    return bytes;
  }

  async *list(): AsyncGenerator<BlobRef> {
    for (const shelf of await namesIn(this.#blobs)) {
      for (const digest of await namesIn(join(this.#blobs, shelf))) {
        if (!isDigest(digest)) continue;
        const bytes = await this.size(digest);
        if (bytes !== undefined) yield { digest, bytes };
      }
    }
  }

  /** Takes away uploads and temporary files that nobody touched since `olderThan` (milliseconds since the epoch). */
  async sweep(olderThan: number): Promise<void> {
    for (const name of await namesIn(this.#partial)) {
      const file = join(this.#partial, name);
      const found = await stat(file).catch(() => undefined);
      if (found && found.mtimeMs < olderThan) await rm(file, { force: true });
    }
  }

  /** Makes the folders; refuses when `bytes` more do not fit. */
  async prepare(bytes: number): Promise<void> {
    await mkdir(this.#partial, { recursive: true, mode: 0o700 });
    await mkdir(this.#blobs, { recursive: true, mode: 0o700 });
    await checkSpace(this.#partial, bytes);
  }

  async #temporary(bytes: number): Promise<string> {
    await this.prepare(bytes);
    return join(this.#partial, `${randomBytes(12).toString('hex')}.tmp`);
  }

  async #adopt(file: string, options: PutOptions): Promise<BlobRef> {
    await this.prepare(0);
    // It goes to the disk while it is read; nobody writes it any more.
    const [reference] = await Promise.all([digestOf(file, options.signal), syncPath(file)]);
    requireDigest(reference.digest, options.digest);
    await this.#place(file, reference.digest, options.wantedBy);
    return reference;
  }

  async #place(file: string, digest: string, wantedBy = ''): Promise<void> {
    const target = this.path(digest);
    if ((await sizeOf(target)) !== undefined) await this.#wanted(digest, wantedBy);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await syncPath(file);
    await chmod(file, 0o444);
    await rename(file, target);
    await syncPath(dirname(target));
  }

  async #wanted(digest: string, by: string): Promise<void> {
    await mkdir(this.#again, { recursive: true, mode: 0o700 });
    await writeFile(join(this.#again, digest), by);
  }
}

function requireDigest(found: string, wanted: string | undefined): void {
  if (wanted === undefined || found === wanted) return;
  throw new HostlerError('data_loss', `The content is ${found}, not ${wanted}; nothing was kept.`);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    const found = await stat(file);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}
