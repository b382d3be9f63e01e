import { readFile, readdir } from 'node:fs/promises';
import type { TaskContext } from '../types.ts';
import { Pace } from './pace.ts';

/** Milliseconds between two looks. */
const every = 500;

/** Bytes of a record of tar, which counts by them. */
const tarRecord = 10_240;

/** Options with which tar tells how far it is; the lines are for `Far.tarLine`. */
export const tarTelling = ['--checkpoint=1000', '--checkpoint-action=echo=at %u'] as const;

/** Tells how far an archive is: bytes, of how many, rate, time left. */
export class Far {
  readonly #stage: string;
  readonly #bytes: number;
  readonly #context: TaskContext;
  readonly #pace = new Pace();
  #said = 0;

  constructor(stage: string, bytes: number, context: TaskContext) {
    this.#stage = stage;
    this.#bytes = bytes;
    this.#context = context;
  }

  tarLine(line: string): void {
    this.reached(Number(/^tar: at (\d+)$/.exec(line)?.[1] ?? 0) * tarRecord);
  }

  reached(bytes: number): void {
    const { seconds } = this.#pace;
    if (bytes === 0 || seconds < this.#said + every / 1000) return;
    this.#said = seconds;
    const done = Math.min(bytes, this.#bytes);
    this.#context.progress(this.#stage, this.#pace.bytes(done, this.#bytes), done, this.#bytes, 'bytes');
  }

  /** Looks now and then while that is under way. */
  async during(work: Promise<unknown>, look: () => Promise<number>): Promise<void> {
    const timer = setInterval(() => {
      look().then(
        (bytes) => this.reached(bytes),
        () => undefined, // not there yet, or not any more
      );
    }, every);
    try {
      await work;
    } finally {
      clearInterval(timer);
    }
  }
}

/** Bytes that a program which this process has started has read so far. Rejects where the kernel does not tell. */
export async function readByChild(program: string): Promise<number> {
  for (const thread of await readdir('/proc/self/task')) {
    const children = await readFile(`/proc/self/task/${thread}/children`, 'utf8');
    for (const pid of children.split(' ').filter((word) => word !== '')) {
      if ((await readFile(`/proc/${pid}/comm`, 'utf8')).trim() !== program) continue;
      return Number(/^rchar: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0);
    }
  }
  return 0;
}
