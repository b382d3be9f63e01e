import type { Effect } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { ChangeSet } from './change-set.ts';
import type { Talk } from './talk.ts';

/**
 * The commit, unless there is nothing to commit, or `strict` and something was refused: then false. `skipped`: objects
 * that were left alone with a warning only.
 */
export function commit(view: View, talk: Talk, set: ChangeSet, strict: boolean, skipped = 0): boolean {
  if (strict && talk.errors + skipped > 0) {
    talk.error('Nothing was changed: some of it was refused, and --strict was given.');
    return false;
  }
  const changes = set.changes();
  if (changes.length > 0) talk.add({ do: 'commit', key: 'definitions', changes });
  for (const { type, name, values, remove } of changes) {
    const reported = Object.keys(view.reported(type, name) ?? {});
    const outdated = remove === true ? reported : reported.filter((column) => values?.[column] !== undefined);
    if (outdated.length === 0) continue;
    // What somebody sets by hand counts until an agent reports again; what is removed takes its reports along.
    talk.add({ do: 'observe', type, name, values: Object.fromEntries(outdated.map((column) => [column, null])) });
  }
  return true;
}

/** The last words of mkdef and chdef when an object was refused. */
export const someFailed = 'One or more errors occured when attempting to create or modify xCAT object definitions.';

/** What `-V` says of what was written. */
export function listUpdated(names: readonly string[], talk: Talk): void {
  talk.line('The database was updated for the following objects:');
  for (const name of [...names].sort()) talk.line(name);
}

export function endWith(talk: Talk): { state: null; effects: Effect[] } {
  return { state: null, effects: talk.done() };
}
