import type { Change } from './effect.ts';

/** What one revision, or several together, did to one object. */
export interface RecordedChange {
  readonly type: string;
  readonly name: string;
  readonly action: 'created' | 'changed' | 'removed';
  /** table.column to [old, new]; null is unset. */
  readonly values: Readonly<Record<string, readonly [string | null, string | null]>>;
}

/** The input of the verbs undo and diff: read from the history by the API. */
export interface Revisions {
  readonly from: number;
  readonly to: number;
  /** Of the one revision, where there is but one. */
  readonly command: string;
  readonly user: string;
  readonly changes: readonly RecordedChange[];
}

/** The changes that take a recorded one back, refusing where somebody has changed the same since. */
export function inverseOf(record: RecordedChange): Change {
  const { type, name } = record;
  const pairs = Object.entries(record.values);
  const side = (index: 0 | 1): Record<string, string | null> =>
    Object.fromEntries(pairs.map(([key, values]) => [key, values[index]]));
  if (record.action === 'created') return { type, name, remove: true, expected: side(1), fresh: false };
  return { type, name, values: side(0), expected: side(1), fresh: record.action === 'removed' };
}

/** Adds what a later revision did to what earlier ones did; keys are `type/name`. What comes back to where it was goes. */
export function addChanges(sum: Map<string, RecordedChange>, later: readonly RecordedChange[]): void {
  for (const change of later) {
    const key = `${change.type}/${change.name}`;
    const before = sum.get(key);
    const together = before === undefined ? change : joined(before, change);
    if (together === undefined) sum.delete(key);
    else sum.set(key, together);
  }
}

function joined(first: RecordedChange, second: RecordedChange): RecordedChange | undefined {
  const values = new Map(Object.entries(first.values));
  for (const [key, [old, value]] of Object.entries(second.values)) {
    const known = values.get(key);
    values.set(key, [known === undefined ? old : known[0], value]);
  }
  const different = Object.fromEntries([...values].filter(([, [old, value]]) => old !== value));
  const was = first.action !== 'created';
  const is = second.action !== 'removed';
  if (!was && !is) return undefined;
  const action = !was ? 'created' : !is ? 'removed' : 'changed';
  if (action === 'changed' && Object.keys(different).length === 0) return undefined;
  return { type: second.type, name: second.name, action, values: different };
}
