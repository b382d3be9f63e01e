import { HostlerError } from '../../shared/errors/error.ts';
import type { RevisionRecord } from './types.ts';

/** How many changes of objects may wait for one watcher before it is cut off. */
const mostWaiting = 50_000;

export interface HistoryFilter {
  readonly type?: string;
  readonly name?: string;
}

/** The record with only what the filter asks for; undefined when that is nothing. */
export function filterRecord(record: RevisionRecord, { type, name }: HistoryFilter): RevisionRecord | undefined {
  if (type === undefined) return record;
  const changes = record.changes.filter(
    (change) => change.type === type && (name === undefined || change.name === name),
  );
  return changes.length === 0 ? undefined : { ...record, changes };
}

/** One who watches: records wait here until they are fetched. */
class Watcher {
  readonly filter: HistoryFilter;
  waiting: RevisionRecord[] = [];
  #size = 0;
  /** The first revision it missed, once it is cut off. */
  #missed: number | undefined;
  #wake: (() => void) | undefined;

  constructor(filter: HistoryFilter) {
    this.filter = filter;
  }

  push(record: RevisionRecord): void {
    if (this.#missed !== undefined) return;
    if (this.#size + record.changes.length > mostWaiting && this.#size > 0) {
      this.#missed = record.revision;
    } else {
      this.waiting.push(record);
      this.#size += record.changes.length;
    }
    this.wake();
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async *records(signal: AbortSignal): AsyncGenerator<RevisionRecord> {
    while (!signal.aborted) {
      const record = this.waiting.shift();
      if (record !== undefined) {
        this.#size -= record.changes.length;
        yield record;
      } else if (this.#missed !== undefined) {
        throw new HostlerError(
          'resource_exhausted',
          `The watcher did not keep up and was cut off; watch again from revision ${this.#missed}.`,
        );
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }
}

/** Everybody who watches the registry. */
export class Watchers {
  readonly #watchers = new Set<Watcher>();

  tell(record: RevisionRecord): void {
    for (const watcher of this.#watchers) {
      const seen = filterRecord(record, watcher.filter);
      if (seen !== undefined) watcher.push(seen);
    }
  }

  /** `past` is walked first; it must hold everything up to what is told from now on. */
  async *watch(
    filter: HistoryFilter,
    past: () => AsyncIterable<RevisionRecord>,
    signal: AbortSignal,
  ): AsyncGenerator<RevisionRecord> {
    const watcher = new Watcher(filter);
    const stop = (): void => {
      watcher.wake();
    };
    this.#watchers.add(watcher);
    signal.addEventListener('abort', stop);
    try {
      let last = 0;
      for await (const record of past()) {
        if (signal.aborted) return;
        last = record.revision;
        yield record;
      }
      for await (const record of watcher.records(signal)) if (record.revision > last) yield record;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#watchers.delete(watcher);
    }
  }
}
