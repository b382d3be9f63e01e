import { HostlerError } from '../../shared/errors/error.ts';
import type { Store, StoreWrite } from './store.ts';

/** Something that waits to be written: says what, once its turn has come, and hears how it went. */
export interface Waiting {
  /** Called in order, right before the batch is written. What it throws fails this one alone. */
  prepare(): readonly StoreWrite[];
  readonly sync: boolean;
  /** Called in order; what was prepared is kept. */
  written(): void;
  failed(error: HostlerError): void;
}

export interface WriterHooks {
  /** What else goes with a batch; asked when everybody else in it has prepared. */
  extra(): readonly StoreWrite[];
  /** The batch is on the disk, or is not; called before those who waited for it hear of it. */
  ended(ok: boolean): void;
}

/** More than this waiting at once means that the disk does not keep up; callers are told so. */
const longestQueue = 20_000;

/**
 * Group commit: while one batch is on its way to the disk, what comes meanwhile is gathered for the next. One synced
 * write thus carries as many commits as there are waiting.
 */
export class Writer {
  readonly #store: Store;
  readonly #hooks: WriterHooks;
  #queue: Waiting[] = [];
  #busy: Promise<void> | undefined;
  #closed = false;

  constructor(store: Store, hooks: WriterHooks) {
    this.#store = store;
    this.#hooks = hooks;
  }

  add(waiting: Waiting): void {
    if (this.#closed) {
      waiting.failed(new HostlerError('unavailable', 'The manager is stopping; try again when it is back.'));
    } else if (this.#queue.length >= longestQueue) {
      waiting.failed(
        new HostlerError('resource_exhausted', 'The registry is behind with its writing; try again later.'),
      );
    } else {
      this.#queue.push(waiting);
      this.#busy ??= this.#run();
    }
  }

  /** Writes what waits, then takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#busy;
  }

  async #run(): Promise<void> {
    // One turn of the loop, so that everything asked for in this one goes together.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (this.#queue.length > 0) {
        const group = this.#queue;
        this.#queue = [];
        await this.#write(group);
      }
    } finally {
      this.#busy = undefined;
    }
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const batch: StoreWrite[] = [];
    const ready: Waiting[] = [];
    for (const waiting of group) {
      try {
        // One commit may hold more writes than a call takes arguments.
        for (const write of waiting.prepare()) batch.push(write);
        ready.push(waiting);
      } catch (thrown) {
        waiting.failed(HostlerError.from(thrown));
      }
    }
    for (const write of this.#hooks.extra()) batch.push(write);
    try {
      const sync = ready.some((waiting) => waiting.sync);
      if (batch.length > 0) await this.#store.write(batch, sync);
    } catch (thrown) {
      this.#hooks.ended(false);
      const error = HostlerError.from(thrown, 'unavailable');
      for (const waiting of ready) waiting.failed(error);
      return;
    }
    this.#hooks.ended(true);
    for (const waiting of ready) waiting.written();
  }
}
