/** What an object holds: `table.column` to value, as it stands in the registry. Absent means unset. */
export type Row = Readonly<Record<string, string>>;

/**
 * All definitions at one revision, in memory; what a verb may know. Raw rows only: attributes, conditions,
 * inheritance and node ranges are computed over it by shared/objects and shared/noderange.
 */
export interface View {
  readonly revision: number;
  row(type: string, name: string): Row | undefined;
  /** In no particular order. */
  rows(type: string): Iterable<readonly [name: string, row: Row]>;
  has(type: string, name: string): boolean;
  /** How many objects of the type there are. */
  count(type: string): number;
  /**
   * Names of the objects of the type that were created, changed or removed after that revision; undefined where too many
   * were, or nobody kept count. Lets what was computed from all objects follow a change of one.
   */
  changedSince?(type: string, revision: number): readonly string[] | undefined;
  /** What agents reported about an object; beside the definitions, without history. */
  reported(type: string, name: string): Row | undefined;
  reportedRows(type: string): Iterable<readonly [name: string, row: Row]>;
}

/** A row's own value: null where it is unset, also for names that every JavaScript object answers to. */
export function valueIn(row: Row | undefined, column: string): string | null {
  return row !== undefined && Object.hasOwn(row, column) ? (row[column] ?? null) : null;
}
