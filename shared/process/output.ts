import { StringDecoder } from 'node:string_decoder';

/** Keeps the head and the tail of a stream, so that memory is bounded however much a program prints. */
export class BoundedOutput {
  readonly #half: number;
  readonly #head: Buffer[] = [];
  readonly #tail: Buffer[] = [];
  #headBytes = 0;
  #tailBytes = 0;
  #left = 0;

  constructor(maxBytes: number) {
    this.#half = Math.max(1, Math.floor(maxBytes / 2));
  }

  /** Bytes that were not kept. */
  get leftOut(): number {
    return this.#left;
  }

  add(chunk: Buffer): void {
    let rest = chunk;
    if (this.#headBytes < this.#half) {
      const part = rest.subarray(0, this.#half - this.#headBytes);
      this.#head.push(Buffer.from(part));
      this.#headBytes += part.length;
      rest = rest.subarray(part.length);
    }
    if (rest.length === 0) return;
    this.#tail.push(Buffer.from(rest));
    this.#tailBytes += rest.length;
    let first = this.#tail[0];
    while (first !== undefined && this.#tailBytes - this.#half > 0) {
      const surplus = this.#tailBytes - this.#half;
      const drop = Math.min(surplus, first.length);
      this.#left += drop;
      this.#tailBytes -= drop;
      if (drop === first.length) this.#tail.shift();
      else this.#tail[0] = first.subarray(drop);
      first = this.#tail[0];
    }
  }

  /** What was kept, with a line in the middle that says how much is missing. */
  text(): string {
    const head = Buffer.concat(this.#head).toString('utf8');
    const tail = Buffer.concat(this.#tail).toString('utf8');
    if (this.#left === 0) return Buffer.concat([...this.#head, ...this.#tail]).toString('utf8');
    return `${head}\n[... ${this.#left} bytes left out ...]\n${tail}`;
  }
}

/** A line that never ends is handed on in pieces of this many characters. */
const longestLine = 65_536;

/** Splits bytes into lines at LF, CR LF and CR (progress bars), whatever the chunks are. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';
  #afterCarriageReturn = false;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk));
  }

  end(): void {
    this.#take(this.#decoder.end());
    if (this.#rest !== '') this.#onLine(this.#rest);
    this.#rest = '';
  }

  #take(text: string): void {
    let from = 0;
    for (let i = 0; i < text.length; i += 1) {
      const c = text.charCodeAt(i);
      const lineFeed = c === 10;
      if (!lineFeed && c !== 13) {
        this.#afterCarriageReturn = false;
        continue;
      }
      if (!(lineFeed && this.#afterCarriageReturn)) this.#onLine(this.#rest + text.slice(from, i));
      this.#rest = '';
      this.#afterCarriageReturn = !lineFeed;
      from = i + 1;
    }
    this.#rest += text.slice(from);
    while (this.#rest.length > longestLine) {
      this.#onLine(this.#rest.slice(0, longestLine));
      this.#rest = this.#rest.slice(longestLine);
    }
  }
}
