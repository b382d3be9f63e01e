import { tables } from '../schema/index.ts';

/** The short names that node ranges, nodels and nodech take for a column. */
const shortNames: ReadonlyMap<string, string> = new Map([
  ['groups', 'nodelist.groups'],
  ['tags', 'nodelist.groups'],
  ['mgt', 'nodehm.mgt'],
]);

/** `table.column` for what was typed, where it is a column of a table keyed by node; else undefined. */
export function nodeColumn(typed: string): string | undefined {
  const full = shortNames.get(typed) ?? typed;
  const dot = full.indexOf('.');
  const table = tables.get(full.slice(0, dot));
  const known = table?.columns[0] === 'node' && table.columns.includes(full.slice(dot + 1));
  return known ? full : undefined;
}
