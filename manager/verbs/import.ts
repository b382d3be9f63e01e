import { byName } from '../../shared/objects/index.ts';
import { HostlerError } from '../../shared/errors/error.ts';
import { objectTypes } from '../../shared/schema/index.ts';
import { type Asked, hasFlag } from '../../shared/verb/asked.ts';
import type { Change, Json } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import { type View, valueIn } from '../../shared/verb/view.ts';
import { stanzaChanges } from './moving-in/stanza-changes.ts';
import { readStanzas } from './moving-in/stanzas.ts';
import { readTable } from './moving-in/tables.ts';
import { committed, failed, orRefused } from './tables/answers.ts';
import { merged } from './tables/node-rows.ts';

/**
 * Takes in the definitions of an xCAT site: tables as dumpxCATdb writes them, or stanza files. Everything is one commit.
 * What is not understood is kept as it is. With `look` only the summary is given.
 */
export const importDefinitions: Verb<null> = {
  name: 'import',
  version: 1,
  changes: true,
  start: (asked, known) => orRefused<null>(asked, () => begin(asked, known)),
};

/** What the files come to. */
interface Reading {
  readonly changes: readonly Change[];
  /** Sentences of refusal of single objects. */
  readonly said: readonly string[];
  readonly refused: boolean;
  /** What was read: `nodelist.csv: 3 rows`. */
  readonly read: readonly string[];
  readonly kept: readonly string[];
}

function begin(asked: Asked, known: View): Step<null> {
  const [source] = asked.operands;
  if (source !== 'xcat')
    return failed(asked, `'${source ?? ''}' is nothing that can be imported: hostler import xcat DIR`);
  const reading = readAll(asked, known);
  if (reading.read.length === 0) return failed(asked, 'There are no .csv and no stanza files to import.');
  const changes = merged(reading.changes);
  const counts = countsOf(known, changes);
  const exit = reading.refused ? 1 : 0;
  const summary: Json = { read: reading.read, ...counts, kept: reading.kept, refused: reading.refused };
  const said = reading.said.map((text) => ({ do: 'say', text, error: true }) as const);
  const told = asked.json
    ? ({ do: 'data', value: summary } as const)
    : ({ do: 'say', text: summaryText(reading, counts) } as const);
  if (hasFlag(asked, 'look')) return end(...said, told, { do: 'done', exit });
  return committed(asked, known, changes, [...said, ...(hasFlag(asked, 'quiet') ? [] : [told])], exit);
}

function readAll(asked: Asked, known: View): Reading {
  const changes: Change[] = [];
  const said: string[] = [];
  const read: string[] = [];
  const kept: string[] = [];
  let refused = false;
  for (const path of Object.keys(asked.files).sort(byName)) {
    const text = asked.files[path] ?? '';
    if (/\.csv$/i.test(path)) {
      const file = readTable(known, path, text, hasFlag(asked, 'replace'));
      for (const change of file.changes) changes.push(change);
      read.push(`${path}: ${counted(file.rows, 'row')}`);
      if (file.unknownTable) kept.push(`the table ${file.table} (${counted(file.rows, 'row')})`);
      else kept.push(...file.kept.map((column) => `the column ${file.table}.${column}`));
      continue;
    }
    const stanzas = readStanzas(known, text);
    if (stanzas.objects === 0) throw notStanzas(path);
    const understood = stanzaChanges(asked, known, stanzas.text);
    for (const change of [stanzas.kept, understood.changes].flat()) changes.push(change);
    said.push(...understood.said);
    if (understood.refused) refused = true;
    read.push(`${path}: ${counted(stanzas.objects, 'stanza')}`);
    kept.push(
      ...stanzas.unknown.map((name) => (name.includes('.') ? `the attribute ${name}` : `objects of type ${name}`)),
    );
  }
  return { changes, said, refused, read, kept };
}

function notStanzas(path: string): HostlerError {
  return new HostlerError(
    'invalid_argument',
    `${path} is no stanza file: nothing in it looks like 'NAME:'. Nothing was imported.`,
  );
}

interface Counts {
  readonly [key: string]: Json;
  readonly created: Readonly<Record<string, number>>;
  readonly changed: Readonly<Record<string, number>>;
  readonly removed: Readonly<Record<string, number>>;
}

/** How many objects of each type come, change and go. What is kept is told by itself. */
function countsOf(known: View, changes: readonly Change[]): Counts {
  const counts = { created: {}, changed: {}, removed: {} } as Record<keyof Counts, Record<string, number>>;
  const seen = new Set<string>();
  for (const change of changes) {
    const { type, name } = change;
    if (type === 'kept' || seen.has(`${type}/${name}`)) continue;
    const row = known.row(type, name);
    const differs = Object.entries(change.values ?? {}).some(([key, value]) => valueIn(row, key) !== value);
    const how = change.remove === true ? 'removed' : row === undefined ? 'created' : differs ? 'changed' : undefined;
    if (how === undefined) continue;
    seen.add(`${type}/${name}`);
    const list = counts[how];
    if (list) list[type] = (list[type] ?? 0) + 1;
  }
  return counts as Counts;
}

function summaryText({ read, kept }: Reading, counts: Counts): string {
  const filled = read.filter((line) => !line.endsWith(': 0 rows'));
  const empty = read.length - filled.length;
  const rest = empty === 0 ? [] : [`    ${counted(empty, 'empty table')}`];
  const lines = ['Read:', ...[...filled, ...rest].map((line) => (line.startsWith(' ') ? line : `    ${line}`))];
  const nothing = [counts.created, counts.changed, counts.removed].every((list) => Object.keys(list).length === 0);
  if (nothing) lines.push('All of it is there already.');
  for (const [how, title] of [
    ['created', 'New:'],
    ['changed', 'Changed:'],
    ['removed', 'Removed:'],
  ] as const) {
    const list = Object.entries(counts[how]).sort(([a], [b]) => byName(a, b));
    if (list.length === 0) continue;
    lines.push(
      title,
      ...list.map(([type, count]) => `    ${counted(count, objectTypes.has(type) ? type : `${type} row`)}`),
    );
  }
  if (kept.length > 0)
    lines.push('Not understood, kept as it is (dumpxCATdb writes it again):', ...kept.map((one) => `    ${one}`));
  return `${lines.join('\n')}\n`;
}

function counted(count: number, what: string): string {
  if (count === 1) return `1 ${what}`;
  return `${count} ${what.endsWith('y') ? `${what.slice(0, -1)}ies` : `${what}s`}`;
}
