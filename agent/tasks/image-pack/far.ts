import { readFile, readdir } from 'node:fs/promises';
import { Pace } from '../image-tree/pace.ts';
import type { TaskContext } from '../types.ts';
import type { ArchiveRequest } from './archive.ts';

/** Milliseconds between two looks. */
const every = 500;

/** Tells how far a packing is: bytes read, of how many, rate, time left. */
export class Far {
  readonly #bytes: number;
  readonly #context: TaskContext;
  readonly #pace = new Pace();
  #said = 0;

  constructor({ survey, additions }: Pick<ArchiveRequest, 'survey' | 'additions'>, context: TaskContext) {
    const own = survey.kept.reduce((sum, { info }) => sum + (info.isFile() ? info.size : 0), 0);
    this.#bytes = additions.reduce((sum, { bytes }) => sum + bytes, own);
    this.#context = context;
  }

  reached(bytes: number): void {
    const { seconds } = this.#pace;
    if (bytes === 0 || seconds < this.#said + every / 1000) return;
    this.#said = seconds;
    const done = Math.min(bytes, this.#bytes);
    this.#context.progress('pack', this.#pace.bytes(done, this.#bytes), done, this.#bytes, 'bytes');
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
