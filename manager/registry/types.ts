import type { Change } from '../../shared/verb/effect.ts';
import type { RecordedChange } from '../../shared/verb/recorded-change.ts';
import type { View } from '../../shared/verb/view.ts';

/** Who did what: stored with the revision. */
export interface CommitInfo {
  readonly user: string;
  /** The command line in short, secrets left out. */
  readonly command: string;
  readonly correlation: string;
  readonly at: number;
}

export interface RevisionRecord extends CommitInfo {
  readonly revision: number;
  readonly changes: readonly RecordedChange[];
}

export type { RecordedChange };

export type CommitResult =
  { readonly outcome: 'done'; readonly revision: number } | { readonly outcome: 'conflict'; readonly message: string };

export interface KeyWrite {
  readonly key: string;
  /** undefined deletes. JSON-serialisable. */
  readonly value: unknown;
}

/** Entries of a key space that belong to the same batch as something else. */
export interface SpaceWrites {
  readonly space: string;
  readonly writes: readonly KeyWrite[];
}

/** A durable key space of another room (jobs, fleet), in the same database and the same batches. */
export interface KeySpace {
  get(key: string): Promise<unknown>;
  /** Keys in byte order, from `after` (exclusive) while they start with `prefix`. */
  entries(options?: {
    prefix?: string;
    after?: string;
    limit?: number;
    reverse?: boolean;
  }): AsyncIterable<readonly [string, unknown]>;
  /**
   * Durable (synced, grouped with whatever else waits) when the promise resolves. With `soon` it has then only survived
   * the end of this process, not a power cut. Writes of all kinds reach the disk in the order they were asked for.
   */
  write(writes: readonly KeyWrite[], options?: { soon?: boolean }): Promise<void>;
  /** For `beside` of Registry.commit. */
  readonly name: string;
}

export interface Registry {
  /** The present. Reads never touch the disk. The object stays valid, and shows later revisions as they come. */
  readonly view: View;
  /**
   * One command, one atomic batch, one revision. Changes that change nothing make no revision. `beside` is asked once,
   * when the outcome is known and before it is written: its entries are in the same batch, with a conflict too.
   * Rejects with resource_exhausted or unavailable when the disk does not take it: then nothing has happened.
   */
  commit(
    info: CommitInfo,
    changes: readonly Change[],
    beside?: (result: CommitResult) => readonly SpaceWrites[],
  ): Promise<CommitResult>;
  /**
   * Reported state: visible at once, on disk within about a second, coalesced. null clears. On disk no later than any
   * commit or write that is asked for after it.
   */
  observe(type: string, name: string, values: Readonly<Record<string, string | null>>): void;
  space(name: string): KeySpace;
  /** Newest first unless `from` is given. */
  history(query: {
    type?: string;
    name?: string;
    limit?: number;
    from?: number;
    to?: number;
  }): AsyncIterable<RevisionRecord>;
  /**
   * Everything from that revision on, then as it happens, until the signal. A watcher that does not keep up is cut off
   * with resource_exhausted, which names the revision to go on from.
   */
  watch(query: { type?: string; name?: string; from?: number }, signal: AbortSignal): AsyncIterable<RevisionRecord>;
  close(): Promise<void>;
}
