import { readFile } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { run } from '../../../../shared/process/run.ts';

/** How an archive is packed, by its first bytes, and what unpacks it. */
const packings: readonly (readonly [magic: string, program: readonly string[]])[] = [
  ['28b52ffd', ['zstd', '-q', '-d', '-c']],
  ['1f8b', ['gzip', '-d', '-c', '-q']],
  ['fd377a585a00', ['xz', '-d', '-c', '-q']],
  ['425a68', ['bzip2', '-d', '-c', '-q']],
  ['02214c18', ['lz4', '-d', '-c', '-q']],
  ['04224d18', ['lz4', '-d', '-c', '-q']],
];

/** `small`: content of regular files of at most so many bytes, by path; where a path is there twice the later counts. */
export interface InitrdContents {
  readonly paths: readonly string[];
  readonly small: ReadonlyMap<string, Buffer>;
}

/** As below, without content. */
export async function initrdPaths(file: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
  return (await initrdContents(file, 0, signal))?.paths;
}

/**
 * What is in an initramfs of the kernel's kind: archives (cpio "newc"), packed or not, one after the other
 * (Documentation/driver-api/early-userspace/buffer-format). Undefined when it is packed in a way that is not known here.
 */
export async function initrdContents(
  file: string,
  keepBytes: number,
  signal: AbortSignal,
): Promise<InitrdContents | undefined> {
  const whole = await readFile(file);
  const names = new CpioNames(keepBytes);
  let at = 0;
  while (at < whole.length) {
    if (whole[at] === 0) {
      at += 1;
      continue;
    }
    if (whole.toString('latin1', at, at + 5) === '07070') {
      at += names.push(whole.subarray(at));
      names.restart();
      continue;
    }
    const rest = whole.subarray(at);
    const packing = packings.find(([magic]) => rest.toString('hex', 0, magic.length / 2) === magic);
    if (packing === undefined) return undefined;
    const [program = '', ...args] = packing[1];
    const output = new Writable({
      write: (piece: Buffer, _, done) => {
        names.push(piece);
        done();
      },
    });
    // What follows the packed archive is no part of it: programs complain, after they have printed all of it.
    await run(program, args, { input: Readable.from([rest]), output, signal, allowExit: 'any' });
    break;
  }
  return { paths: names.found, small: names.small };
}

const headerBytes = 110;
const end = 'TRAILER!!!';

/** Reads names out of an archive that comes in pieces. */
export class CpioNames {
  readonly found: string[] = [];
  readonly small = new Map<string, Buffer>();
  readonly #keepBytes: number;
  #kept: Buffer = Buffer.alloc(0);
  /** Bytes of content that are still to be passed by. */
  #skip = 0;
  #over = false;

  /** `keepBytes`: content of files up to this size is kept in `small`. */
  constructor(keepBytes = 0) {
    this.#keepBytes = keepBytes;
  }

  /** How many bytes of the piece belong to the archive. */
  push(piece: Buffer): number {
    if (this.#over) return 0;
    const before = this.#kept.length;
    let buffer = before === 0 ? piece : Buffer.concat([this.#kept, piece]);
    let used = 0;
    for (;;) {
      const skipped = Math.min(this.#skip, buffer.length);
      this.#skip -= skipped;
      used += skipped;
      buffer = buffer.subarray(skipped);
      if (this.#skip > 0 || buffer.length < headerBytes) break;
      const number = (field: number): number =>
        Number.parseInt(buffer.toString('latin1', 6 + field * 8, 14 + field * 8), 16);
      const [size, nameBytes] = [number(6), number(11)];
      const head = padded(headerBytes + nameBytes);
      if (!(nameBytes > 0 && nameBytes < 65536 && size >= 0)) {
        this.#over = true;
        break;
      }
      const kept = size > 0 && size <= this.#keepBytes && (number(1) & 0o170000) === 0o100000;
      if (buffer.length < head + (kept ? size : 0)) break;
      const name = buffer.toString('utf8', headerBytes, headerBytes + nameBytes - 1);
      if (kept) this.small.set(plainPath(name), Buffer.from(buffer.subarray(head, head + size)));
      used += head;
      buffer = buffer.subarray(head);
      if (name === end) {
        this.#over = true;
        break;
      }
      this.found.push(plainPath(name));
      this.#skip = padded(size);
    }
    this.#kept = this.#over ? Buffer.alloc(0) : Buffer.from(buffer);
    return used - before;
  }

  /** Another archive begins. */
  restart(): void {
    this.#over = false;
    this.#skip = 0;
    this.#kept = Buffer.alloc(0);
  }
}

function plainPath(name: string): string {
  return name.replace(/^\.?\//, '');
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
