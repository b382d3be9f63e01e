import { type Asked, hasFlag } from '../../shared/verb/asked.ts';
import type { Change } from '../../shared/verb/effect.ts';
import { inverseOf, type RecordedChange } from '../../shared/verb/recorded-change.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import { type View, valueIn } from '../../shared/verb/view.ts';
import { revisionsIn, shownValue } from './revisions.ts';
import { committed, failed, printed } from './tables/answers.ts';

/** Lines that are shown of what stands in the way. */
const mostShown = 20;

/** Takes one revision back with a new one. What was changed again since then is named, and nothing is done. */
export const undo: Verb<null> = {
  name: 'undo',
  version: 1,
  changes: true,
  start(asked, known) {
    const { from, changes } = revisionsIn(asked);
    const conflicts = changes.flatMap((change) => conflictsOf(known, change));
    const force = hasFlag(asked, 'force');
    if (conflicts.length > 0 && !force) return refused(asked, from, conflicts);
    const inverse = changes.map((change) => (force ? forced(known, change) : inverseOf(change)));
    const wanted = inverse.filter((change) => change !== undefined);
    if (wanted.length === 0) return printed(`Revision ${from} changed nothing that is still so.\n`);
    const objects = wanted.length === 1 ? '1 object' : `${wanted.length} objects`;
    const told = asked.json
      ? ({ do: 'data', value: { undone: from, objects: wanted.length } } as const)
      : ({ do: 'say', text: `Revision ${from} is undone: ${objects}.\n` } as const);
    return committed(asked, known, wanted, [told]);
  },
};

/** What of the present is not as the revision left it, one sentence each. */
function conflictsOf(known: View, { type, name, action, values }: RecordedChange): string[] {
  const row = known.row(type, name);
  const what = `${type} ${name}`;
  if (action === 'removed') return row === undefined ? [] : [`${what} is there again`];
  if (row === undefined) return [`${what} is not there any more`];
  const later = Object.entries(values)
    .filter(([key, [, left]]) => valueIn(row, key) !== left)
    .map(([key, [, left]]) => {
      const now = shownValue(key, valueIn(row, key));
      return `${key} of ${what} is ${now} now; the revision left it ${shownValue(key, left)}`;
    });
  if (action === 'changed') return later;
  // An object that goes takes along what was added to it since.
  const added = Object.keys(row).filter((key) => !Object.hasOwn(values, key));
  return [...later, ...added.map((key) => `${key} of ${what} was set since: ${shownValue(key, valueIn(row, key))}`)];
}

/** The values before the revision, whatever is there now; undefined where there is nothing to do. */
function forced(known: View, record: RecordedChange): Change | undefined {
  const { type, name } = record;
  const { remove, values } = inverseOf(record);
  if (remove === true) return known.has(type, name) ? { type, name, remove } : undefined;
  return { type, name, values: values ?? {} };
}

function refused(asked: Asked, revision: number, conflicts: readonly string[]): Step<null> {
  if (asked.json) return end({ do: 'data', value: { revision, conflicts } }, { do: 'done', exit: 1 });
  const shown = conflicts.slice(0, mostShown).map((line) => `    ${line}`);
  const more = conflicts.length > mostShown ? [`    and ${conflicts.length - mostShown} more`] : [];
  return failed(
    asked,
    [
      `Revision ${revision} was not undone, for later changes would be lost:`,
      ...shown,
      ...more,
      'Use --force to undo it all the same.',
    ].join('\n'),
  );
}
