import { StringDecoder } from 'node:string_decoder';
import type { KeySpace, KeyWrite } from '../registry/types.ts';
import type { EventLog } from './event-log.ts';
import type { EventBody } from './say.ts';

/** Milliseconds between two progress events of one task. */
const progressEvery = 250;

export interface ProgressReport {
  readonly stage: string;
  readonly text: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

/** Longest text of a progress line, in characters. */
const longestLine = 500;

/** How much of a task's log is kept stands beside the events; no job's id begins with a letter. */
export const offsetKey = (task: string): string => `log/${task}`;

export async function storedOffset(events: KeySpace, task: string): Promise<number> {
  const stored = await events.get(offsetKey(task));
  return typeof stored === 'number' ? stored : 0;
}

/** Progress and log of one open task: what may be lost in between, and is therefore written without waiting for the disk. */
export class TaskFlow {
  readonly #task: string;
  readonly #agent: string;
  readonly #events: EventLog;
  readonly #write: (writes: readonly KeyWrite[], settled: () => void) => void;
  readonly #now: () => number;
  readonly #decoder = new StringDecoder('utf8');
  #offset: number;
  #lastProgress = 0;
  #waiting: ProgressReport | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `write` takes writes of the events' space: one batch, in the order of its calls. */
  constructor(
    task: { readonly id: string; readonly agent: string; readonly offset: number },
    events: EventLog,
    write: (writes: readonly KeyWrite[], settled: () => void) => void,
    now: () => number,
  ) {
    this.#task = task.id;
    this.#agent = task.agent;
    this.#offset = task.offset;
    this.#events = events;
    this.#write = write;
    this.#now = now;
  }

  /** Bytes of the log that are kept. */
  get offset(): number {
    return this.#offset;
  }

  /** Takes what is new of the piece; a piece that begins beyond the end is left, and comes again after a reconnect. */
  log(offset: number, bytes: Uint8Array): void {
    const known = this.#offset - offset;
    if (known < 0 || known >= bytes.length) return;
    this.#offset = offset + bytes.length;
    const text = this.#decoder.write(Buffer.from(bytes.subarray(known)));
    if (text !== '') this.#emit({ log: { task: this.#task, text } });
  }

  /** Tells at most a few of them a second; the last one always. */
  progress(progress: ProgressReport): void {
    this.#waiting = progress;
    const wait = this.#lastProgress + progressEvery - this.#now();
    if (wait <= 0) this.#tell();
    else this.#timer ??= setTimeout(() => this.#tell(), wait);
  }

  /** Tells what waits to be told. */
  flush(): void {
    this.#tell();
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const progress = this.#waiting;
    if (progress === undefined) return;
    this.#waiting = undefined;
    this.#lastProgress = this.#now();
    const { stage, text, done, total, unit } = progress;
    const line = (value: string): string => value.slice(0, longestLine);
    const body = { stage: line(stage), text: line(text), done, total, unit: line(unit) };
    this.#emit({ progress: { task: this.#task, agent: this.#agent, ...body } });
  }

  #emit(body: EventBody): void {
    const pending = this.#events.append([body], this.#now());
    const offset = { key: offsetKey(this.#task), value: this.#offset };
    this.#write(body.log ? [...pending.writes, offset] : pending.writes, pending.settled);
  }
}
