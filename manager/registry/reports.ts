import { HostlerError } from '../../shared/errors/error.ts';
import type { Row } from '../../shared/verb/view.ts';
import { objectKey } from './keys.ts';
import type { StoreWrite } from './store.ts';
import { type Rows, parseRow, rowText } from './tables.ts';

/** How long an observation may wait for the disk, in milliseconds. */
const flushEvery = 500;
/** Bounds of what agents can make the manager keep: objects, keys of one object, characters of one value. */
const mostObjects = 100_000;
const mostKeys = 64;
const longestValue = 32 * 1024;

/**
 * What agents report about objects: in memory at once, on disk within a second, only the last value of each. Whatever
 * is written for other reasons takes along what waits here: an observation is never later on disk than a commit that
 * was asked for after it.
 */
export class Reports {
  readonly #rows: Rows;
  /** Asks for a batch, be it empty. */
  readonly #askForBatch: () => void;
  #dirty = new Map<string, readonly [type: string, name: string]>();
  /** Of the batch that is being written. */
  #taken = new Map<string, readonly [type: string, name: string]>();
  #objects = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(rows: Rows, askForBatch: () => void) {
    this.#rows = rows;
    this.#askForBatch = askForBatch;
  }

  /** Takes over a row that was on the disk. */
  load(type: string, name: string, row: Row): void {
    this.#put(type, name, row);
  }

  observe(type: string, name: string, values: Readonly<Record<string, string | null>>): void {
    const key = objectKey('s', type, name);
    const before = this.#rows.get(type, name);
    const merged = new Map(Object.entries(before ?? {}));
    for (const [attribute, value] of Object.entries(values)) {
      if (value === null) merged.delete(attribute);
      else merged.set(attribute, value.length > longestValue ? value.slice(0, longestValue) : value);
    }
    if (merged.size > mostKeys || (before === undefined && this.#objects >= mostObjects)) {
      throw new HostlerError('resource_exhausted', `Too much is reported about ${type} ${name}; nothing more is kept.`);
    }
    this.#put(type, name, merged.size === 0 ? undefined : parseRow(rowText(merged)));
    this.#dirty.set(key, [type, name]);
    this.#schedule(flushEvery);
  }

  /** The object is gone, and what was reported about it goes with it. Part of the batch that removes the object. */
  forget(type: string, name: string): StoreWrite {
    return { key: objectKey('s', type, name), value: undefined };
  }

  /** The batch with `forget` is written. */
  forgotten(type: string, name: string): void {
    if (this.#rows.get(type, name) === undefined) return;
    this.#put(type, name, undefined);
    // The same batch may have taken along an observation, behind the removal.
    this.#dirty.set(objectKey('s', type, name), [type, name]);
    this.#schedule(flushEvery);
  }

  /** What is not on the disk yet, for the batch that is being put together. */
  take(): StoreWrite[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#taken = this.#dirty;
    this.#dirty = new Map();
    return [...this.#taken].map(([key, [type, name]]) => {
      const row = this.#rows.get(type, name);
      return { key, value: row === undefined ? undefined : JSON.stringify(row) };
    });
  }

  /** The batch for which `take` was asked is on the disk, or is not: then it is tried again a little later. */
  taken(ok: boolean): void {
    if (!ok && this.#taken.size > 0) {
      this.#dirty = new Map([...this.#taken, ...this.#dirty]);
      this.#schedule(flushEvery * 10);
    }
    this.#taken = new Map();
  }

  close(): void {
    if (this.#dirty.size > 0) this.#askForBatch();
  }

  #schedule(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#askForBatch();
    }, milliseconds);
  }

  #put(type: string, name: string, row: Row | undefined): void {
    const had = this.#rows.get(type, name) !== undefined;
    this.#rows.put(type, name, row);
    if (had !== (row !== undefined)) this.#objects += had ? -1 : 1;
  }
}
