import { HostlerError } from '../../shared/errors/error.ts';
import type { Change } from '../../shared/verb/effect.ts';
import { type Row, valueIn } from '../../shared/verb/view.ts';
import { objectKey } from './keys.ts';
import { parseRow, rowText } from './tables.ts';
import type { RecordedChange } from './types.ts';

/** What the changes are applied to: the present together with what waits before them in the same batch. */
export type Lookup = (type: string, name: string) => Row | undefined;

/** One object before and after; undefined where there is none. `text`: `after` as it stands on the disk. */
interface Outcome {
  readonly type: string;
  readonly name: string;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
  readonly text: string | undefined;
}

/** An object that is different after the commit. */
export interface ChangedObject extends Outcome {
  readonly record: RecordedChange;
}

export type Applied =
  | { readonly outcome: 'done'; readonly objects: readonly ChangedObject[] }
  | { readonly outcome: 'conflict'; readonly message: string };

/** Characters of one value, one key. Definitions are small; a megabyte in an attribute is a mistake. */
const longestValue = 256 * 1024;
const longestKey = 255;

function checkValues(change: Change): void {
  for (const [key, value] of Object.entries(change.values ?? {})) {
    if (key === '' || key.length > longestKey) {
      throw new HostlerError(
        'invalid_argument',
        `An attribute of ${change.type} ${change.name} has a name of ${key.length} characters.`,
      );
    }
    if (value !== null && value.length > longestValue) {
      throw new HostlerError(
        'invalid_argument',
        `${key} of ${change.type} ${change.name} has ${value.length} characters; ${longestValue} are possible.`,
      );
    }
  }
}

/** Names what stands in the way; values are left out, for they may be secret. */
function conflictOf(change: Change, row: Row | undefined): string | undefined {
  const what = `${change.type} ${change.name}`;
  if (change.fresh === true && row !== undefined) return `${what} exists already.`;
  if (change.fresh === false && row === undefined) return `${what} does not exist any more.`;
  for (const [key, seen] of Object.entries(change.expected ?? {})) {
    if (valueIn(row, key) !== seen) return `${key} of ${what} was changed by somebody else meanwhile.`;
  }
  return undefined;
}

function changed(row: Row | undefined, change: Change): string | undefined {
  if (change.remove === true) return undefined;
  const values = new Map(Object.entries(row ?? {}));
  for (const [key, value] of Object.entries(change.values ?? {})) {
    if (value === null) values.delete(key);
    else values.set(key, value);
  }
  return rowText(values, change.type === 'site');
}

/** Applies the changes in order; later ones see earlier ones. All or, with a conflict, none. Pure. */
export function applyChanges(lookup: Lookup, changes: readonly Change[]): Applied {
  const objects = new Map<string, Outcome>();
  for (const change of changes) {
    checkValues(change);
    const key = objectKey('o', change.type, change.name);
    const known = objects.get(key);
    const before = known === undefined ? lookup(change.type, change.name) : known.before;
    const now = known === undefined ? before : known.after;
    const message = conflictOf(change, now);
    if (message !== undefined) return { outcome: 'conflict', message };
    const text = changed(now, change);
    const after = text === undefined ? undefined : parseRow(text);
    objects.set(key, { type: change.type, name: change.name, before, after, text });
  }
  const changedObjects = [...objects.values()].flatMap((object) => {
    const record = recordOf(object);
    return record === undefined ? [] : [{ ...object, record }];
  });
  return { outcome: 'done', objects: changedObjects };
}

/** The history's entry about one object; undefined where nothing is different. */
function recordOf({ type, name, before, after }: Outcome): RecordedChange | undefined {
  const keys = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  const pairs = [...keys].map((key) => [key, [valueIn(before, key), valueIn(after, key)]] as const);
  const values = Object.fromEntries(pairs.filter(([, [old, value]]) => old !== value));
  if (before === undefined) return after === undefined ? undefined : { type, name, action: 'created', values };
  if (after === undefined) return { type, name, action: 'removed', values };
  return pairs.every(([, [old, value]]) => old === value) ? undefined : { type, name, action: 'changed', values };
}
