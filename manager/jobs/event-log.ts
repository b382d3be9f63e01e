import type { KeySpace, KeyWrite, SpaceWrites } from '../registry/types.ts';
import type { EventBody } from './say.ts';
import type { JobEvent } from './types.ts';

/** The key space of all events. */
export const eventSpace = 'events';

/** Characters of task logs kept for one job: the beginning, and the end. */
const keptHead = 512 * 1024;
const keptTail = 4 * 1024 * 1024;

export function eventKey(job: string, position: number): string {
  return `${job}/${String(position).padStart(12, '0')}`;
}

export function eventPrefix(job: string): string {
  return `${job}/`;
}

function positionOf(key: string): number {
  return Number(key.slice(key.lastIndexOf('/') + 1));
}

/** Events that have their positions and are on their way to the disk. */
export interface Pending {
  readonly writes: readonly KeyWrite[];
  /** They are there: followers may see them. Or they never will be, which leaves a gap. */
  readonly settled: () => void;
}

/**
 * The events of one job: numbered here, kept in the registry's database, read from there by everybody who follows.
 * Bounded: a later progress of a task replaces the earlier one, and of long logs only head and tail are kept.
 */
export class EventLog {
  readonly #job: string;
  readonly #space: KeySpace;
  #next = 0;
  /** Everything below is on the disk or given up; followers read up to here. */
  #readable = 0;
  readonly #underWay: { readonly end: number; settled: boolean }[] = [];
  #wake: (() => void)[] = [];
  #closed = false;
  /** Log events behind the head, oldest first. */
  #tail: { readonly position: number; readonly size: number }[] = [];
  #headSize = 0;
  #tailSize = 0;
  #cut = false;
  /** The last progress event of each task. */
  readonly #progress = new Map<string, number>();

  constructor(job: string, space: KeySpace) {
    this.#job = job;
    this.#space = space;
  }

  /** Takes up the log of a job that was running when the manager ended. */
  async load(): Promise<void> {
    for await (const [key, value] of this.#space.entries({ prefix: eventPrefix(this.#job) })) {
      const position = positionOf(key);
      const event = value as JobEvent;
      this.#next = position + 1;
      if (event.log) this.#count(position, event.log.text?.length ?? 0);
      if (event.progress?.task !== undefined) this.#progress.set(event.progress.task, position);
    }
    this.#readable = this.#next;
  }

  /** Gives events their positions. The writes belong into the database in the order of these calls. */
  append(bodies: readonly EventBody[], at: number): Pending {
    const writes = bodies.flatMap((body) => this.#append(body, at));
    const entry = { end: this.#next, settled: false };
    this.#underWay.push(entry);
    return {
      writes,
      settled: () => {
        entry.settled = true;
        this.#advance();
      },
    };
  }

  /** The same for a batch of several key spaces. */
  static beside(pending: Pending): SpaceWrites {
    return { space: eventSpace, writes: pending.writes };
  }

  #append(body: EventBody, at: number): KeyWrite[] {
    const position = this.#next++;
    const event: JobEvent = { position, at, ...body };
    const writes: KeyWrite[] = [{ key: eventKey(this.#job, position), value: event }];
    const task = body.progress?.task;
    if (task !== undefined) {
      const earlier = this.#progress.get(task);
      if (earlier !== undefined) writes.push({ key: eventKey(this.#job, earlier), value: undefined });
      this.#progress.set(task, position);
    }
    if (body.log) writes.push(...this.#shorten(this.#count(position, body.log.text?.length ?? 0), at));
    return writes;
  }

  /** Counts a log event; the positions that are one too many for the tail. */
  #count(position: number, size: number): number[] {
    if (this.#headSize + size <= keptHead && this.#tail.length === 0) {
      this.#headSize += size;
      return [];
    }
    this.#tail.push({ position, size });
    this.#tailSize += size;
    const dropped: number[] = [];
    while (this.#tailSize > keptTail && this.#tail.length > 1) {
      const oldest = this.#tail.shift();
      if (oldest === undefined) break;
      this.#tailSize -= oldest.size;
      dropped.push(oldest.position);
    }
    return dropped;
  }

  #shorten(positions: readonly number[], at: number): KeyWrite[] {
    return positions.map((position) => {
      const key = eventKey(this.#job, position);
      if (this.#cut) return { key, value: undefined };
      // The first one that goes leaves a word that here something is missing.
      this.#cut = true;
      const text = '\n[the middle of this log was too long to be kept]\n';
      return { key, value: { position, at, log: { task: '', text } } satisfies JobEvent };
    });
  }

  #advance(): void {
    for (let head = this.#underWay[0]; head?.settled === true; head = this.#underWay[0]) {
      this.#readable = head.end;
      this.#underWay.shift();
    }
    this.#wakeAll();
  }

  /** The job has ended and its last event is on the disk. */
  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  #wakeAll(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const each of wake) each();
  }

  /** From the position on, as it comes. Ends with the job, or where there is nothing more when it shall not wait. */
  async *follow(position: number, wait: boolean, signal: AbortSignal): AsyncGenerator<JobEvent> {
    let next = position;
    for (;;) {
      const end = this.#readable;
      const closed = this.#closed;
      if (next < end) {
        for await (const event of storedEvents(this.#space, this.#job, next)) {
          // What was written meanwhile and is not settled may still be in disorder.
          if (event.position >= end || signal.aborted) break;
          yield event;
        }
        next = end;
      } else if (closed || !wait || signal.aborted) {
        return;
      } else {
        await this.#change(signal);
      }
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake.push(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

/** Events of a job as they are on the disk, from the position on. */
export async function* storedEvents(space: KeySpace, job: string, position: number): AsyncGenerator<JobEvent> {
  const from = position > 0 ? { after: eventKey(job, position - 1) } : {};
  for await (const [, value] of space.entries({ prefix: eventPrefix(job), ...from })) yield value as JobEvent;
}

/** The writes that take a job's events away, in pieces. */
export async function* eventRemovals(space: KeySpace, job: string): AsyncGenerator<KeyWrite[]> {
  let piece: KeyWrite[] = [];
  for await (const [key] of space.entries({ prefix: eventPrefix(job) })) {
    piece.push({ key, value: undefined });
    if (piece.length >= 1000) {
      yield piece;
      piece = [];
    }
  }
  if (piece.length > 0) yield piece;
}
