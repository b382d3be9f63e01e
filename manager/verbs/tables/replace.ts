import type { CsvRecord } from '../../../shared/csv/index.ts';
import { clustersite, type Table } from '../../../shared/schema/index.ts';
import type { Change } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { changeRow, createRow, removeRow } from './changes.ts';
import { hasFurtherRows, tableRows } from './rows.ts';

type Replacement = { readonly changes: readonly Change[] } | { readonly problem: string };

/**
 * The changes that make a table hold these records; with `add` the rows that are there and not among them stay.
 * A row that is there under the same name is changed, so that what its object holds beside the table stays.
 */
export function tableChanges(view: View, table: Table, records: readonly CsvRecord[], add: boolean): Replacement {
  const identity = (values: Readonly<Record<string, string>>): string =>
    identityColumns(table)
      .map((column) => values[column] ?? '')
      .join('\n');
  const present = new Map(tableRows(view, table).map((row) => [identity(row.values), row]));
  if (table.name === 'site' && !add) return siteAnew(view, table, records);
  const changes: Change[] = [];
  const seen = new Set<string>();
  for (const { line, values } of records) {
    const key = identity(values);
    seen.add(key);
    const row = present.get(key);
    if (row === undefined) {
      const made = createRow(view, table, values);
      if (made === undefined) return nameless(table, line);
      changes.push(made);
    } else {
      // Adding says nothing about columns that the file leaves out.
      const unset = add ? [] : Object.keys(row.values).filter((column) => values[column] === undefined);
      changes.push(changeRow(table, row, { ...Object.fromEntries(unset.map((column) => [column, ''])), ...values }));
    }
  }
  if (!add) {
    for (const [key, row] of present) if (!seen.has(key)) changes.push(...removeRow(view, table, row));
  }
  return { changes };
}

/** Settings are dumped in the order in which they were made: all go, and come again in the order of the file. */
function siteAnew(view: View, table: Table, records: readonly CsvRecord[]): Replacement {
  const old = Object.keys(view.row('site', clustersite) ?? {});
  const values: Record<string, string | null> = {};
  for (const record of records) {
    const made = createRow(view, table, record.values);
    if (made === undefined) return nameless(table, record.line);
    Object.assign(values, made.values);
  }
  return {
    changes: [
      { type: 'site', name: clustersite, values: Object.fromEntries(old.map((key) => [key, null])) },
      // Nothing is expected: the change before it has cleared what the view still shows.
      { type: 'site', name: clustersite, values, expected: {} },
    ],
  };
}

function nameless(table: Table, line: number): { readonly problem: string } {
  return { problem: `The row on line ${line} has no value for ${table.named[0] ?? ''}` };
}

function identityColumns(table: Table): readonly string[] {
  if (table.name === 'site') return ['key'];
  if (hasFurtherRows(table)) return table.keys;
  return table.qualifiedBy === undefined ? table.named : [...table.named, table.qualifiedBy];
}
