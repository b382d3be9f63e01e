import type { AbstractLevel } from 'abstract-level';

/** One write of a batch; a value of undefined deletes. */
export interface StoreWrite {
  readonly key: string;
  readonly value: string | undefined;
}

export interface StoreRange {
  readonly gte?: string;
  readonly gt?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** An ordered map on disk (or in memory) with atomic batches: all that the registry asks of a database. */
export interface Store {
  get(key: string): Promise<string | undefined>;
  /** The pairs of the range as they are when the walk begins. */
  entries(range: StoreRange): AsyncIterable<readonly [key: string, value: string]>;
  /** All or nothing. With `sync` it survives a power cut when the promise resolves, without it the end of this process. */
  write(batch: readonly StoreWrite[], sync: boolean): Promise<void>;
  close(): Promise<void>;
}

/** What `level` and `memory-level` have in common. */
export type Level = AbstractLevel<string | Buffer | Uint8Array>;

export async function* levelEntries(level: Level, range: StoreRange): AsyncGenerator<readonly [string, string]> {
  const iterator = level.iterator({ ...range });
  try {
    // In chunks: one crossing into the native module per thousand entries, not one per entry.
    for (let chunk = await iterator.nextv(1000); chunk.length > 0; chunk = await iterator.nextv(1000)) {
      yield* chunk;
    }
  } finally {
    await iterator.close();
  }
}

export async function levelWrite(level: Level, batch: readonly StoreWrite[], sync: boolean): Promise<void> {
  const operations = batch.map(({ key, value }) =>
    value === undefined ? ({ type: 'del', key } as const) : ({ type: 'put', key, value } as const),
  );
  // `sync` is LevelDB's own option; other backends ignore it.
  const options: object = { sync };
  await level.batch(operations, options);
}
