import type { TaskContext } from '../types.ts';

/** Milliseconds between two lines of progress. */
const every = 500;

/** Tells how far a copy is: files, bytes, rate, time left. */
export class Rate {
  readonly #files: number;
  readonly #bytes: number;
  readonly #context: TaskContext;
  readonly #began = process.hrtime.bigint();
  #doneFiles = 0;
  /** Bytes that need no more work, copied or found. */
  #done = 0;
  /** Bytes that were copied. */
  #copied = 0;
  #ofThisFile = 0;
  #said = 0;

  constructor(files: number, bytes: number, context: TaskContext) {
    this.#files = files;
    this.#bytes = bytes;
    this.#context = context;
  }

  add(bytes: number): void {
    this.#ofThisFile += bytes;
    this.#copied += bytes;
    this.#say(false);
  }

  /** One more file needs no more work. */
  file(bytes: number): void {
    this.#ofThisFile = 0;
    this.#done += bytes;
    this.#doneFiles += 1;
    this.#say(false);
  }

  end(): void {
    this.#say(true);
  }

  #say(always: boolean): void {
    const milliseconds = Number((process.hrtime.bigint() - this.#began) / 1_000_000n);
    if (!always && milliseconds - this.#said < every) return;
    this.#said = milliseconds;
    const done = this.#done + this.#ofThisFile;
    const text = rateText({
      ...{ files: this.#files, doneFiles: this.#doneFiles, copied: this.#copied },
      ...{ left: this.#bytes - done, seconds: milliseconds / 1000 },
    });
    this.#context.progress('copying', text, done, this.#bytes, 'bytes');
  }
}

/** `1200 of 4800 files, 85 MB/s, 2 min left` */
export function rateText(at: {
  readonly files: number;
  readonly doneFiles: number;
  readonly copied: number;
  /** Bytes still to be copied. */
  readonly left: number;
  readonly seconds: number;
}): string {
  const words = [`${at.doneFiles} of ${at.files} files`];
  const rate = at.copied / Math.max(at.seconds, 0.001);
  if (at.copied > 0 && at.seconds >= 1) {
    words.push(`${(rate / 1e6).toFixed(rate < 10e6 ? 1 : 0)} MB/s`);
    if (at.left > 0) words.push(`${duration(at.left / rate)} left`);
  }
  return words.join(', ');
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
