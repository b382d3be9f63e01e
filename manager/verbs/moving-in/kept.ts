import { byName } from '../../../shared/objects/index.ts';
import { rowKeys, rowName, type Table } from '../../../shared/schema/index.ts';
import type { Change } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { TableRow } from '../tables/rows.ts';

/*
 * What a dump holds and the schema does not know is kept as it is, so that nothing of a site is lost and a dump of ours
 * has it again. Type `kept`: the object TABLE names the columns (`kepttable.columns`), an object `TABLE,ROW` holds the
 * values (`kept.COLUMN`). Nobody knows what they mean, so they all count as secret.
 */
const type = 'kept';

type Values = Readonly<Record<string, string>>;

/** Columns of a table that are kept: of an unknown table all of them, else those that the schema does not have. */
export function keptColumns(known: View, table: string): readonly string[] {
  const text = known.row(type, table)?.['kepttable.columns'] ?? '';
  return text === '' ? [] : text.split(',');
}

/** Names of the tables that the schema does not know, in order. */
export function keptTables(known: View, isKnown: (name: string) => boolean): string[] {
  return [...known.rows(type)]
    .map(([name]) => name)
    .filter((name) => !name.includes(',') && !isKnown(name))
    .sort(byName);
}

/** Names the columns of a table that are kept from now on, beside those that are. */
export function keepColumns(known: View, table: string, columns: readonly string[]): Change {
  const all = [...new Set([...keptColumns(known, table), ...columns])];
  return { type, name: table, values: { 'kepttable.columns': all.join(',') } };
}

/** One row; `key` tells it apart within its table. */
export function keepRow(table: string, key: string, values: Values): Change {
  const columns = Object.entries(values).map(([column, value]) => [`kept.${column}`, value]);
  return { type, name: rowName([table, key]), values: Object.fromEntries(columns) as Values };
}

/** Rows of a table by their keys. */
export function keptRows(known: View, table: string): Map<string, Record<string, string>> {
  const found = new Map<string, Record<string, string>>();
  for (const [name, row] of known.rows(type)) {
    if (!name.startsWith(`${table},`)) continue;
    const [, key = ''] = rowKeys(name, 2);
    const values = Object.entries(row).map(([column, value]) => [column.slice('kept.'.length), value]);
    found.set(key, Object.fromEntries(values) as Record<string, string>);
  }
  return new Map([...found].sort(([a], [b]) => byName(a, b)));
}

export function forgetRow(table: string, key: string): Change {
  return { type, name: rowName([table, key]), remove: true };
}

/** What tells a row of a known table apart from the others. */
export function rowKey(table: Table, values: Values): string {
  const columns = table.name === 'site' ? ['key'] : [...new Set([...table.named, ...table.keys])];
  return rowName(columns.map((column) => values[column] ?? ''));
}

/** A table's rows with the columns that are kept beside them, and the table with these columns last. */
export function withKept(
  known: View,
  table: Table,
  rows: readonly TableRow[],
): { readonly table: Table; readonly rows: readonly TableRow[] } {
  const columns = keptColumns(known, table.name);
  if (columns.length === 0) return { table, rows };
  const kept = keptRows(known, table.name);
  return {
    table: { ...table, columns: [...table.columns, ...columns] },
    rows: rows.map((row) => ({ ...row, values: { ...row.values, ...kept.get(rowKey(table, row.values)) } })),
  };
}
