import { csvHeader, csvLine } from '../../../shared/csv/index.ts';
import type { Table } from '../../../shared/schema/index.ts';
import type { TableRow } from './rows.ts';

/** Header and rows as tabdump prints them. */
export function dumpText(table: Table, rows: readonly TableRow[]): string {
  const lines = rows.map(({ values }) => csvLine(table.columns.map((column) => values[column])));
  return `${[csvHeader(table.columns), ...lines].join('\n')}\n`;
}
