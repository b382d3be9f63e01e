import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { run } from '../../../shared/process/run.ts';
import { digestOf } from '../../store/digest.ts';
import { removeTree } from '../image-tree/remove.ts';
import { walk } from '../image-tree/walk.ts';

/** A path of an image, as far as two images are compared: times are not. */
export interface Listed {
  /** d, f, l, or a letter of what else there is. */
  readonly kind: string;
  readonly mode: string;
  readonly owner: string;
  readonly bytes: number;
  /** sha256 of a file's content, target of a link. */
  readonly content: string;
}

export type Listing = ReadonlyMap<string, Listed>;

const kinds: Readonly<Record<string, string>> = { D: 'd', R: 'f', S: 'l', C: 'c', B: 'b', I: 'p' };
const longestHead = 256 * 2 ** 20;
const dataMark = '# START OF DATA - DO NOT MODIFY\n#\n';

/**
 * Everything in a packed image. A squashfs is read as one stream and written nowhere; archives are unpacked into `work`
 * for the time being.
 */
export async function listImage(
  file: string,
  method: 'squashfs' | 'cpio' | 'tar',
  work: string,
  signal: AbortSignal,
): Promise<Listing> {
  await mkdir(work, { recursive: true, mode: 0o700 });
  if (method === 'squashfs' && (await streams())) return listSquashfs(file, work, signal);
  const folder = join(work, 'unpacked');
  try {
    await unpack(file, method, folder, signal);
    return await listFolder(folder, signal);
  } finally {
    await removeTree(folder);
  }
}

/** unsquashfs since 4.5 writes a whole image as one text with the contents behind it. */
async function streams(): Promise<boolean> {
  const { stdout } = await run('unsquashfs', ['-version'], { allowExit: 'any', timeoutMs: 20_000 });
  const [, major = '0', minor = '0'] = /version (\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(major) > 4 || (Number(major) === 4 && Number(minor) >= 5);
}

async function listSquashfs(file: string, work: string, signal: AbortSignal): Promise<Listing> {
  const pipe = join(work, 'listing');
  await run('mkfifo', ['--mode=600', pipe]);
  const reader = new ListingReader();
  const stream = createReadStream(pipe, { highWaterMark: 1 << 20, signal });
  const reading = (async () => {
    for await (const piece of stream) reader.take(piece as Buffer);
    return reader.end();
  })();
  reading.catch(() => {}); // looked at below, unless unsquashfs fails first
  try {
    await run('unsquashfs', ['-quiet', '-no-progress', '-pf', pipe, file], { signal });
    return await reading;
  } catch (error) {
    stream.destroy();
    // Frees a reader that waits for somebody to write.
    await open(pipe, 'r+').then((handle) => handle.close());
    throw error;
  }
}

interface Content {
  readonly path: string;
  readonly bytes: number;
  readonly offset: number;
}

/** Reads a list of pseudo files (mksquashfs(1)) and the contents behind it, as they come. */
export class ListingReader {
  readonly #found = new Map<string, Listed>();
  #head: Buffer | undefined = Buffer.alloc(0);
  #waiting: Content[] = [];
  #at = 0;
  #links: [path: string, target: string][] = [];
  #hash: Hash = createHash('sha256');

  take(piece: Buffer): void {
    if (this.#head === undefined) {
      this.#contents(piece);
      return;
    }
    const head = Buffer.concat([this.#head, piece]);
    const mark = head.indexOf(dataMark, Math.max(0, this.#head.length - dataMark.length));
    this.#head = head;
    if (head.length > longestHead) throw new HostlerError('resource_exhausted', 'The list of the image is too long.');
    if (mark < 0) return;
    this.#head = undefined;
    this.#lines(head.toString('utf8', 0, mark));
    this.#contents(head.subarray(mark + dataMark.length));
  }

  end(): Listing {
    if (this.#head !== undefined) this.#lines(this.#head.toString('utf8'));
    else this.#contents(Buffer.alloc(0));
    if (this.#waiting.length > 0) throw new HostlerError('data_loss', 'The image ends in the middle of a file.');
    return this.#found;
  }

  #lines(text: string): void {
    for (const line of text.split('\n')) {
      const match = /^((?:[^\s\\]|\\.)+) ([A-Z]) (.*)$/.exec(line);
      if (match === null || line.startsWith('#')) continue;
      const [, name = '', letter = '', rest = ''] = match;
      const path = name === '/' ? '.' : `./${name.replace(/\\(.)/g, '$1')}`;
      if (letter === 'L') {
        this.#links.push([path, `./${rest.replace(/\\(.)/g, '$1')}`]);
        continue;
      }
      const [, mode = '', uid = '', gid = '', ...more] = rest.split(' ');
      const bytes = letter === 'R' ? Number(more[0]) : 0;
      const kind = kinds[letter] ?? letter;
      const content = letter === 'R' ? '' : more.join(' ');
      this.#found.set(path, { kind, mode, owner: `${uid}:${gid}`, bytes, content });
      if (letter === 'R') this.#waiting.push({ path, bytes, offset: Number(more[1]) });
    }
    this.#waiting.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
    this.#waiting.reverse();
  }

  /** Every content is hashed by itself; files of the same place are the same. */
  #contents(piece: Buffer): void {
    let rest = piece;
    for (;;) {
      const next = this.#waiting.at(-1);
      if (next === undefined) break;
      const done = this.#at - next.offset;
      const part = rest.subarray(0, Math.max(0, next.bytes - done));
      this.#hash.update(part);
      this.#at += part.length;
      rest = rest.subarray(part.length);
      if (this.#at < next.offset + next.bytes) return;
      const content = this.#hash.digest('hex');
      this.#hash = createHash('sha256');
      this.#waiting.pop();
      this.#set(next.path, content);
      while (this.#waiting.at(-1)?.offset === next.offset && next.bytes > 0) {
        this.#set(this.#waiting.pop()?.path ?? '', content);
      }
    }
    for (const [path, target] of this.#links.splice(0)) {
      const other = this.#found.get(target);
      if (other !== undefined) this.#found.set(path, other);
    }
  }

  #set(path: string, content: string): void {
    const listed = this.#found.get(path);
    if (listed !== undefined) this.#found.set(path, { ...listed, content });
  }
}

async function unpack(
  file: string,
  method: 'squashfs' | 'cpio' | 'tar',
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  if (method === 'squashfs') {
    await run('unsquashfs', ['-quiet', '-no-progress', '-dest', folder, file], { signal });
    return;
  }
  await mkdir(folder, { mode: 0o700 });
  const program = unpackers[(await firstBytes(file)).toString('hex')] ?? 'gzip';
  if (method === 'tar') {
    const args = ['--extract', `--use-compress-program=${program}`, '--file', file, '--directory', folder];
    await run('tar', [...args, '--numeric-owner', '--same-owner', '-p'], { signal });
    return;
  }
  const plain = join(folder, '..', 'plain');
  const handle = await open(plain, 'w', 0o600);
  try {
    await run(program, ['-d', '-c', '-q', file], { stdoutTo: handle.fd, signal });
  } finally {
    await handle.close();
  }
  const args = ['--extract', '--make-directories', '--quiet', '--no-absolute-filenames', `--file=${plain}`];
  await run('cpio', [...args, `--directory=${folder}`, '--preserve-modification-time'], { signal });
}

/** By the first two bytes of what they have packed; tar itself does not know lz4. */
const unpackers: Readonly<Record<string, string>> = { '1f8b': 'gzip', fd37: 'xz', '28b5': 'zstd', '0422': 'lz4' };

async function firstBytes(file: string): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return buffer;
  } finally {
    await handle.close();
  }
}

async function listFolder(folder: string, signal: AbortSignal): Promise<Listing> {
  const found = new Map<string, Listed>();
  for (const { path, info } of walk(folder)) {
    const file = join(folder, path);
    const kind = info.isDirectory() ? 'd' : info.isFile() ? 'f' : info.isSymbolicLink() ? 'l' : 'x';
    const content =
      kind === 'f' ? (await digestOf(file, signal)).digest : kind === 'l' ? await readlink(file) : String(info.rdev);
    const mode = (info.mode & 0o7777).toString(8);
    found.set(path, { kind, mode, owner: `${info.uid}:${info.gid}`, bytes: kind === 'f' ? info.size : 0, content });
  }
  return found;
}
