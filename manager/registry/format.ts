import { HostlerError } from '../../shared/errors/error.ts';
import { metaKeys } from './keys.ts';
import type { Store, StoreWrite } from './store.ts';

/** The format that this program writes. Format 1 is described in keys.ts. */
export const currentFormat = 1;

/**
 * One step forward, from `from` to `from + 1`. What it yields is written in batches of bounded size; it may be
 * interrupted anywhere and is then run again from its beginning, so it must recognise what it did already.
 */
export interface Migration {
  readonly from: number;
  run(store: Store): AsyncIterable<StoreWrite>;
}

export const migrations: readonly Migration[] = [];

const batchSize = 1000;

async function storedFormat(store: Store): Promise<number | undefined> {
  const text = await store.get(metaKeys.format);
  if (text !== undefined) return Number(text);
  for await (const [key] of store.entries({ limit: 2 })) {
    if (key !== metaKeys.batch) {
      throw new HostlerError(
        'failed_precondition',
        'This is not a registry of Hostler: it holds data but no format number.',
      );
    }
  }
  return undefined;
}

async function migrate(store: Store, migration: Migration): Promise<void> {
  let batch: StoreWrite[] = [];
  for await (const write of migration.run(store)) {
    batch.push(write);
    if (batch.length >= batchSize) {
      await store.write(batch, false);
      batch = [];
    }
  }
  await store.write([...batch, { key: metaKeys.format, value: String(migration.from + 1) }], true);
}

export interface FormatOptions {
  /**
   * Keeps a copy of the database before it is changed; called at most once, with the format it has. Resolves with the
   * store to go on with, for the copying may need it closed.
   */
  readonly backup: (format: number) => Promise<Store>;
  readonly migrations?: readonly Migration[];
  /** Only tests write another format. */
  readonly format?: number;
}

/** Brings the database to the present format, or refuses one that is newer. Resolves with the store to go on with. */
export async function bringToFormat(store: Store, options: FormatOptions): Promise<Store> {
  const wanted = options.format ?? currentFormat;
  const found = await storedFormat(store);
  if (found === undefined) {
    await store.write([{ key: metaKeys.format, value: String(wanted) }], true);
    return store;
  }
  if (!Number.isInteger(found) || found < 1) {
    throw new HostlerError('data_loss', 'The format number of the registry is damaged; restore a backup.');
  }
  if (found > wanted) {
    throw new HostlerError(
      'failed_precondition',
      `The registry has format ${found}, and this manager knows no newer one than ${wanted}. ` +
        `Start the version that wrote it or a later one, or restore a backup made before it.`,
    );
  }
  if (found === wanted) return store;
  const kept = await options.backup(found);
  for (let format = found; format < wanted; format++) {
    const step = (options.migrations ?? migrations).find((migration) => migration.from === format);
    if (step === undefined) {
      throw new HostlerError(
        'failed_precondition',
        `Nothing here brings a registry of format ${format} forward; use an earlier version first.`,
      );
    }
    await migrate(kept, step);
  }
  return kept;
}
