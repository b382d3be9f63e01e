import type { HostlerError } from '../../shared/errors/error.ts';
import { groupNames } from '../../shared/objects/index.ts';
import type { Change } from '../../shared/verb/effect.ts';
import type { Row } from '../../shared/verb/view.ts';
import { type Applied, type ChangedObject, applyChanges } from './apply.ts';
import { openSpace, spaceStoreWrites } from './key-space.ts';
import { areaRange, metaKeys, objectKey, revisionKey, splitObjectKey } from './keys.ts';
import { Reports } from './reports.ts';
import type { Store, StoreWrite } from './store.ts';
import { LiveView, Rows, parseRow } from './tables.ts';
import type { CommitInfo, CommitResult, KeySpace, Registry, RevisionRecord, SpaceWrites } from './types.ts';
import { Watchers, filterRecord } from './watchers.ts';
import { Writer } from './writer.ts';

type Beside = (result: CommitResult) => readonly SpaceWrites[];
type Range = { readonly type?: string; readonly name?: string; readonly from?: number; readonly to?: number };

class StoredRegistry implements Registry {
  readonly view = new LiveView();
  readonly #store: Store;
  readonly #writer: Writer;
  readonly #reports: Reports;
  readonly #watchers = new Watchers();
  /** Rows and revision as they will be once the batch that is being gathered or written is on the disk. */
  readonly #ahead = new Rows();
  readonly #removedAhead = new Set<string>();
  #revisionAhead = 0;

  constructor(store: Store) {
    this.#store = store;
    this.#writer = new Writer(store, {
      extra: () => this.#reports.take(),
      ended: (ok) => {
        this.#reports.taken(ok);
        if (!ok) this.#dropAhead();
      },
    });
    this.#reports = new Reports(this.view.reports, () => {
      this.#writer.add({ sync: false, prepare: () => [], written: () => undefined, failed: () => undefined });
    });
  }

  async load(): Promise<void> {
    for await (const [key, text] of this.#store.entries(areaRange('o'))) {
      const [type, name] = splitObjectKey(key);
      this.view.definitions.put(type, name, parseRow(text));
    }
    for await (const [key, text] of this.#store.entries(areaRange('s'))) {
      const [type, name] = splitObjectKey(key);
      this.#reports.load(type, name, parseRow(text));
    }
    this.view.advance([], Number((await this.#store.get(metaKeys.revision)) ?? 0));
    this.#revisionAhead = this.view.revision;
    // Who is a member of what is kept from here on: whoever asks first need not wait for it.
    groupNames(this.view);
  }

  commit(info: CommitInfo, changes: readonly Change[], beside: Beside = () => []): Promise<CommitResult> {
    return new Promise((resolve, reject) => {
      let applied: Applied;
      let result: CommitResult;
      let record: RevisionRecord | undefined;
      this.#writer.add({
        sync: true,
        prepare: () => {
          applied = applyChanges(this.#lookup, changes);
          const objects = applied.outcome === 'done' ? applied.objects : [];
          const revision = this.#revisionAhead + (objects.length > 0 ? 1 : 0);
          result = applied.outcome === 'done' ? { outcome: 'done', revision } : applied;
          const others = beside(result).flatMap(spaceStoreWrites);
          if (objects.length === 0) return others;
          record = { ...pick(info), revision, changes: objects.map((object) => object.record) };
          return [...this.#goAhead(objects, record), ...others];
        },
        written: () => {
          if (applied.outcome === 'done' && record !== undefined) this.#publish(applied.objects, record);
          resolve(result);
        },
        failed: reject,
      });
    });
  }

  /** The present with what waits before in the same batch. */
  readonly #lookup = (type: string, name: string): Row | undefined =>
    this.#removedAhead.has(objectKey('o', type, name))
      ? undefined
      : (this.#ahead.get(type, name) ?? this.view.row(type, name));

  #goAhead(objects: readonly ChangedObject[], record: RevisionRecord): StoreWrite[] {
    const writes: StoreWrite[] = [
      { key: revisionKey(record.revision), value: JSON.stringify(record) },
      { key: metaKeys.revision, value: String(record.revision) },
    ];
    for (const { type, name, after, text } of objects) {
      const key = objectKey('o', type, name);
      writes.push({ key, value: text });
      this.#ahead.put(type, name, after);
      if (after === undefined) {
        this.#removedAhead.add(key);
        writes.push(this.#reports.forget(type, name));
      } else {
        this.#removedAhead.delete(key);
      }
    }
    this.#revisionAhead = record.revision;
    return writes;
  }

  #publish(objects: readonly ChangedObject[], record: RevisionRecord): void {
    this.view.advance(objects, record.revision);
    for (const { type, name, after } of objects) {
      if (after === undefined) this.#reports.forgotten(type, name);
    }
    // The writer works batch by batch: the last record of a batch leaves nothing ahead of the view.
    if (record.revision === this.#revisionAhead) this.#dropAhead();
    this.#watchers.tell(record);
  }

  #dropAhead(): void {
    this.#ahead.clear();
    this.#removedAhead.clear();
    this.#revisionAhead = this.view.revision;
  }

  observe(type: string, name: string, values: Readonly<Record<string, string | null>>): void {
    this.#reports.observe(type, name, values);
  }

  space(name: string): KeySpace {
    return openSpace(name, this.#store, (writes, sync) => this.#write(writes, sync));
  }

  #write(writes: readonly StoreWrite[], sync: boolean): Promise<void> {
    return new Promise((resolve, reject: (error: HostlerError) => void) => {
      this.#writer.add({ sync, prepare: () => writes, written: resolve, failed: reject });
    });
  }

  async *history(query: Range & { readonly limit?: number }): AsyncGenerator<RevisionRecord> {
    let left = query.limit ?? Infinity;
    if (left <= 0) return;
    for await (const record of this.#records(query, query.from === undefined)) {
      yield record;
      if (--left <= 0) return;
    }
  }

  async *#records(query: Range, reverse: boolean): AsyncGenerator<RevisionRecord> {
    const { gte, lt } = areaRange('h');
    const range = {
      gte: query.from === undefined ? gte : revisionKey(query.from),
      ...(query.to === undefined ? { lt } : { lte: revisionKey(query.to) }),
      reverse,
    };
    for await (const [, text] of this.#store.entries(range)) {
      const record = filterRecord(JSON.parse(text) as RevisionRecord, query);
      if (record !== undefined) yield record;
    }
  }

  watch(query: Range, signal: AbortSignal): AsyncIterable<RevisionRecord> {
    const from = query.from;
    // Read when the walk begins, after the watcher is in its place: nothing can fall between past and present.
    const past = (): AsyncIterable<RevisionRecord> =>
      this.#records({ ...query, from: from ?? this.view.revision + 1, to: this.view.revision }, false);
    return this.#watchers.watch(query, past, signal);
  }

  async close(): Promise<void> {
    this.#reports.close();
    await this.#writer.close();
    await this.#store.close();
  }
}

/** Only what belongs into the history, whatever else the caller's object holds. */
function pick({ user, command, correlation, at }: CommitInfo): CommitInfo {
  return { user, command, correlation, at };
}

/** Reads everything into memory. The store must have the present format already (format.ts). */
export async function openRegistry(store: Store): Promise<Registry> {
  const registry = new StoredRegistry(store);
  await registry.load();
  return registry;
}
