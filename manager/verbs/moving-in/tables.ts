import { basename } from 'node:path';
import { type CsvRecord, readCsv } from '../../../shared/csv/index.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { Change } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { tableChanges } from '../tables/replace.ts';
import { tableNamed } from '../tables/rows.ts';
import { forgetRow, keepColumns, keepRow, keptRows, rowKey } from './kept.ts';

/** What one file of a dump comes to. */
export interface ReadFile {
  readonly path: string;
  readonly table: string;
  readonly rows: number;
  readonly changes: readonly Change[];
  /** Columns that the schema does not know; `all`: it does not know the table. Empty: everything is understood. */
  readonly kept: readonly string[];
  readonly unknownTable: boolean;
}

/**
 * A dumped table as changes. Rows under a name that is there take its place; others stay unless `replace`.
 * Throws `invalid_argument` with path and line.
 */
export function readTable(known: View, path: string, text: string, replace: boolean): ReadFile {
  const name = basename(path).replace(/\.csv$/i, '');
  if (!/^[A-Za-z]\w{0,62}$/.test(name)) throw bad(path, `'${name}' is no name of a table`);
  const { columns, records } = read(path, text);
  const wrong = columns.find((column) => !/^[A-Za-z]\w{0,62}$/.test(column));
  if (wrong !== undefined) throw bad(path, `'${wrong}' in line 1 is no name of a column`);
  const table = tableNamed(name);
  const found = { path, table: name, rows: records.length };
  if (table === undefined) {
    const changes = unknownTable(known, name, columns, records);
    return { ...found, changes, kept: columns, unknownTable: true };
  }
  const kept = columns.filter((column) => !table.columns.includes(column));
  const understood = records.map((record) => ({ ...record, values: without(record.values, kept) }));
  const result = tableChanges(known, table, understood, !replace);
  if ('problem' in result) throw bad(path, result.problem);
  const beside = kept.length === 0 ? [] : unknownColumns(known, name, kept, records, (row) => rowKey(table, row));
  return { ...found, changes: [...result.changes, ...beside], kept, unknownTable: false };
}

function read(path: string, text: string): ReturnType<typeof readCsv> {
  try {
    return readCsv(text);
  } catch (error) {
    if (!(error instanceof HostlerError)) throw error;
    throw bad(path, error.message);
  }
}

function without(values: Readonly<Record<string, string>>, columns: readonly string[]): Record<string, string> {
  if (columns.length === 0) return values;
  return Object.fromEntries(Object.entries(values).filter(([column]) => !columns.includes(column)));
}

/** Nobody knows which columns tell its rows apart: the file takes the place of what was kept. */
function unknownTable(known: View, name: string, columns: readonly string[], records: readonly CsvRecord[]): Change[] {
  const keys = records.map((_, at) => String(at + 1).padStart(8, '0'));
  const mine = new Set(keys);
  const gone = [...keptRows(known, name).keys()].filter((key) => !mine.has(key));
  const before = keptRows(known, name);
  const rows = records.map(({ values }, at) => {
    const key = keys[at] ?? '';
    const cleared = Object.keys(before.get(key) ?? {}).filter((column) => values[column] === undefined);
    const change = keepRow(name, key, values);
    const nulls = Object.fromEntries(cleared.map((column) => [`kept.${column}`, null]));
    return { ...change, values: { ...nulls, ...change.values } };
  });
  return [keepColumns(known, name, columns), ...gone.map((key) => forgetRow(name, key)), ...rows];
}

function unknownColumns(
  known: View,
  name: string,
  columns: readonly string[],
  records: readonly CsvRecord[],
  keyOf: (values: Readonly<Record<string, string>>) => string,
): Change[] {
  const rows = records.flatMap(({ values }) => {
    const own = Object.fromEntries(Object.entries(values).filter(([column]) => columns.includes(column)));
    return Object.keys(own).length === 0 ? [] : [keepRow(name, keyOf(values), own)];
  });
  return [keepColumns(known, name, columns), ...rows];
}

function bad(path: string, why: string): HostlerError {
  return new HostlerError('invalid_argument', `${path}: ${why}. Nothing was imported.`);
}
