import { commaList } from '../../shared/objects/index.ts';
import { type Asked, hasFlag } from '../../shared/verb/asked.ts';
import type { Change } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { committed, failed } from './tables/answers.ts';
import { changeRow, createRow, removeRow } from './tables/changes.ts';
import { readKeys } from './tables/keys.ts';
import { matchingRows, tableNamed } from './tables/rows.ts';

/** Exit code where the original's database refuses a column. */
const refusedByDatabase = 2;

/** Exit code of the original where a table to delete from is unknown. */
const unknownTableToDelete = 255;

export const chtab: Verb<null> = { name: 'chtab', version: 1, changes: true, start: changeTables };

/** In the original the one of both that asks the policy; here both do. */
export const tabch: Verb<null> = { name: 'tabch', version: 1, changes: true, start: changeTables };

function changeTables(asked: Asked, known: View): Step<null> {
  const [keyText = '', ...rest] = asked.operands;
  const keys = readKeys(keyText);
  if (keys === undefined) return failed(asked, `'${keyText}' is not of the form KEY=VALUE; see --help`);
  return hasFlag(asked, 'd') ? deleteRows(asked, known, keys, rest) : setColumns(asked, known, keys, rest);
}

type Keys = Readonly<Record<string, string>>;

function deleteRows(asked: Asked, known: View, keys: Keys, names: readonly string[]): Step<null> {
  const changes: Change[] = [];
  for (const name of names) {
    const table = tableNamed(name);
    if (table === undefined) return failed(asked, `Table ${name} does not exist.`, unknownTableToDelete);
    const unknown = Object.keys(keys).find((column) => !table.columns.includes(column));
    if (unknown !== undefined) return failed(asked, `no such column: ${unknown}`, refusedByDatabase);
    for (const row of matchingRows(known, table, keys)) changes.push(...removeRow(known, table, row));
  }
  return committed(asked, known, changes);
}

interface Setting {
  readonly column: string;
  readonly adds: boolean;
  readonly value: string;
}

function setColumns(asked: Asked, known: View, keys: Keys, operands: readonly string[]): Step<null> {
  const byTable = new Map<string, Setting[]>();
  for (const operand of operands) {
    const parts = /^([^.=]+)\.([^.=+]+)(\+?=)(.*)$/s.exec(operand);
    if (parts?.[1] === undefined || parts[2] === undefined || parts[4] === undefined) {
      return failed(asked, `'${operand}' is not of the form TABLE.COLUMN=VALUE; see --help`);
    }
    const list = byTable.get(parts[1]) ?? [];
    list.push({ column: parts[2], adds: parts[3] === '+=', value: parts[4] });
    byTable.set(parts[1], list);
  }
  const changes: Change[] = [];
  for (const [name, settings] of byTable) {
    const table = tableNamed(name);
    if (table === undefined) {
      return end({ do: 'say', text: `Table ${name} does not exist.\n` }, { do: 'done', exit: 1 });
    }
    const unknown = [...Object.keys(keys), ...settings.map(({ column }) => column)].find(
      (column) => !table.columns.includes(column),
    );
    if (unknown !== undefined) return failed(asked, `no such column: ${unknown}`, refusedByDatabase);
    const rows = matchingRows(known, table, keys);
    for (const row of rows) changes.push(changeRow(table, row, newValues(settings, row.values)));
    if (rows.length > 0) continue;
    const made = createRow(known, table, { ...keys, ...newValues(settings, {}) });
    if (made === undefined) {
      return failed(asked, `A row of ${name} needs a value for ${table.named[0] ?? ''}`, refusedByDatabase);
    }
    changes.push(made);
  }
  return committed(asked, known, changes);
}

/** `+=` puts the items that are missing at the end. */
function newValues(settings: readonly Setting[], now: Keys): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { column, adds, value } of settings) {
    const list = commaList(values[column] ?? now[column] ?? '');
    const missing = commaList(value).filter((item) => !list.includes(item));
    values[column] = adds ? [...list, ...missing].join(',') : value;
  }
  return values;
}
