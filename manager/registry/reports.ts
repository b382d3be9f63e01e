import { HostlerError } from '../../shared/errors/error.ts';
import { objectKey } from './keys.ts';
import type { StoreWrite } from './store.ts';
import { type Rows, makeRow, rowText } from './tables.ts';
import type { Writer } from './writer.ts';

/** How long an observation may wait for the disk, in milliseconds. */
const flushEvery = 500;
/** Bounds of what agents can make the manager keep: objects, keys of one object, characters of one value. */
const mostObjects = 100_000;
const mostKeys = 64;
const longestValue = 32 * 1024;

/** What agents report about objects: in memory at once, on disk within a second, only the last value of each. */
export class Reports {
  readonly #rows: Rows;
  readonly #writer: Writer;
  readonly #dirty = new Map<string, readonly [type: string, name: string]>();
  #objects = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(rows: Rows, writer: Writer) {
    this.#rows = rows;
    this.#writer = writer;
  }

  /** Takes over a row that was on the disk. */
  load(type: string, name: string, text: Parameters<Rows['put']>[2]): void {
    this.#rows.put(type, name, text);
    this.#objects++;
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
    this.#put(type, name, merged.size === 0 ? undefined : makeRow(merged));
    this.#dirty.set(key, [type, name]);
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, flushEvery);
  }

  /** The object is gone, and what was reported about it goes with it. Part of the batch that removes the object. */
  forget(type: string, name: string): StoreWrite {
    return { key: objectKey('s', type, name), value: undefined };
  }

  /** The batch with `forget` is written. */
  forgotten(type: string, name: string): void {
    this.#put(type, name, undefined);
    this.#dirty.delete(objectKey('s', type, name));
  }

  /** Hands what is not on the disk yet to the writer. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#dirty.size === 0) return;
    let taken: [string, readonly [string, string]][] = [];
    this.#writer.add({
      sync: false,
      prepare: () => {
        taken = [...this.#dirty];
        this.#dirty.clear();
        return taken.map(([key, [type, name]]) => {
          const row = this.#rows.get(type, name);
          return { key, value: row === undefined ? undefined : rowText(row) };
        });
      },
      written: () => undefined,
      failed: () => {
        // Not lost: still in memory, and tried again.
        for (const [key, object] of taken) this.#dirty.set(key, object);
        this.#timer ??= setTimeout(() => {
          this.flush();
        }, flushEvery * 10).unref();
      },
    });
  }

  #put(type: string, name: string, row: ReturnType<typeof makeRow> | undefined): void {
    const had = this.#rows.get(type, name) !== undefined;
    this.#rows.put(type, name, row);
    if (had !== (row !== undefined)) this.#objects += had ? -1 : 1;
  }
}
