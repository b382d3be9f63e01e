import { type Hash, createHash } from 'node:crypto';
import type { AgentArrival, TaskEnd, TaskListener } from '../../manager/fleet/types.ts';

function now(): number {
  return performance.timeOrigin + performance.now();
}

/** What happened to one task, in order. */
export interface TaskHistory {
  /** Times that its agents said to have begun it, each once however often it was told; `late`: first told after its end. */
  readonly starts: { readonly agent: string; readonly at: number; readonly late: boolean }[];
  /** Every end that was told, duplicates and all. */
  readonly ends: { readonly agent: string; readonly end: TaskEnd }[];
  readonly losses: string[];
  /** sha256 of the log so far. */
  readonly logDigest: Hash;
  logBytes: number;
}

/** What an engine with a memory writes down; `when`: milliseconds since the epoch, in the order in which it was told. */
export type EngineEvent = { readonly id: string; readonly when: number } & (
  | { readonly what: 'started'; readonly agent: string; readonly at: number }
  | { readonly what: 'result'; readonly agent: string; readonly end: TaskEnd }
  | { readonly what: 'lost'; readonly message: string }
);

/**
 * A jobs engine that only keeps what it is told. It outlives managers, as the real one's database does: a second telling of
 * the same end is applied once (`applied`) and counted (`ends`).
 */
export class SimEngine implements TaskListener {
  readonly tasks = new Map<string, TaskHistory>();
  /** Ends that took effect, in the order they did. */
  readonly applied: { readonly id: string; readonly agent: string; readonly end: TaskEnd }[] = [];
  readonly arrivals: AgentArrival[] = [];
  readonly progressed: string[] = [];
  onArrival: ((arrival: AgentArrival) => void) | undefined;
  /** Called before an end is kept: tests delay or fail it here. */
  beforeResult: ((id: string) => Promise<void>) | undefined;
  /** Where it writes down what it is told, so that the next process knows; a result counts when this resolved. */
  keep: ((event: EngineEvent) => Promise<void>) | undefined;
  /** The same for a start, of which nobody waits to hear that it was kept: it must have survived the process by the return. */
  note: ((event: EngineEvent) => void) | undefined;
  #waiters: (() => void)[] = [];

  /** What an earlier process kept. */
  recall(events: Iterable<EngineEvent>): void {
    for (const event of [...events].sort((one, other) => one.when - other.when)) {
      if (event.what === 'started') this.#begun(event);
      if (event.what === 'result') this.#ended(event);
      if (event.what === 'lost') this.of(event.id).losses.push(event.message);
    }
  }

  of(id: string): TaskHistory {
    const known = this.tasks.get(id);
    if (known !== undefined) return known;
    const fresh: TaskHistory = { starts: [], ends: [], losses: [], logDigest: createHash('sha256'), logBytes: 0 };
    this.tasks.set(id, fresh);
    return fresh;
  }

  /** In whichever way. */
  hasEnded(id: string): boolean {
    const history = this.tasks.get(id);
    return history !== undefined && history.ends.length + history.losses.length > 0;
  }

  started(id: string, agent: string, at: number): void {
    this.note?.({ what: 'started', id, when: now(), agent, at });
    this.#begun({ id, agent, at });
    this.#changed();
  }

  #begun({ id, agent, at }: { readonly id: string; readonly agent: string; readonly at: number }): void {
    const { starts, ends, losses } = this.of(id);
    if (starts.some((start) => start.agent === agent && start.at === at)) return;
    starts.push({ agent, at, late: ends.length + losses.length > 0 });
  }

  progress(id: string): void {
    this.progressed.push(id);
    this.#changed();
  }

  logOffset(id: string): number {
    return this.of(id).logBytes;
  }

  log(id: string, offset: number, text: Uint8Array): void {
    const history = this.of(id);
    if (offset !== history.logBytes) throw new Error(`log of ${id} at ${offset}, have ${history.logBytes}`);
    history.logDigest.update(text);
    history.logBytes += text.length;
    this.#changed();
  }

  async result(id: string, agent: string, end: TaskEnd): Promise<void> {
    await this.beforeResult?.(id);
    await this.keep?.({ what: 'result', id, when: now(), agent, end });
    this.#ended({ id, agent, end });
    this.#changed();
  }

  #ended({ id, agent, end }: { readonly id: string; readonly agent: string; readonly end: TaskEnd }): void {
    const history = this.of(id);
    const first = history.ends.length === 0 && history.losses.length === 0;
    history.ends.push({ agent, end });
    if (first) this.applied.push({ id, agent, end });
  }

  async lost(id: string, _agent: string, message: string): Promise<void> {
    await this.keep?.({ what: 'lost', id, when: now(), message });
    this.of(id).losses.push(message);
    this.#changed();
  }

  async arrived(arrival: AgentArrival): Promise<void> {
    this.arrivals.push(arrival);
    this.onArrival?.(arrival);
    this.#changed();
  }

  /** Waits, with a bound, until something is so. */
  async until(what: string, condition: () => boolean, milliseconds = 30_000): Promise<void> {
    await until(what, condition, milliseconds, (wake) => this.#waiters.push(wake));
  }

  #changed(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

/** Waits until the condition holds; looks again every few milliseconds, and whenever it is woken. */
export async function until(
  what: string,
  condition: () => boolean,
  milliseconds = 30_000,
  listen?: (wake: () => void) => void,
): Promise<void> {
  const late = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > late) throw new Error(`waited ${milliseconds} ms in vain: ${what}`);
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 10);
      listen?.(resolve);
    });
  }
}
