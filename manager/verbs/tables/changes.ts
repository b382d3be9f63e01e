import { holderOf } from '../../../shared/objects/index.ts';
import { clustersite, rowName, type Table } from '../../../shared/schema/index.ts';
import type { Change } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { alwaysThere, hasFurtherRows, matchingRows, type TableRow, valueKey } from './rows.ts';

type Values = Readonly<Record<string, string>>;

/** Sets columns of a row that is there. The empty string unsets and keeps the row. Key columns cannot be changed. */
export function changeRow(table: Table, row: TableRow, values: Values): Change {
  const set = Object.entries(values)
    .filter(([column]) => !namedColumns(table, row).includes(column))
    .map(([column, value]) => [valueKey(table, column, row.qualifier), value]);
  return { type: row.type, name: row.name, values: Object.fromEntries(set) as Values };
}

/**
 * Makes a row. undefined where the columns that name it are not all among the values.
 * A row of which nothing but its name is set exists only where the table is that of the object's type.
 */
export function createRow(view: View, table: Table, values: Values): Change | undefined {
  const place = placeOf(view, table, values);
  if (place === undefined) return undefined;
  const columns: Record<string, string> = {};
  const named = namedColumns(table, place);
  for (const [column, value] of Object.entries(values)) {
    if (!named.includes(column)) columns[valueKey(table, column, place.qualifier)] = value;
  }
  if (place.qualifier !== undefined && table.qualifiedBy !== undefined) {
    columns[valueKey(table, table.qualifiedBy, place.qualifier)] = place.qualifier;
  }
  return { type: place.type, name: place.name, values: columns };
}

/**
 * Takes a row out of its table. Where that is the table of the object's type the object goes; what a node's other
 * tables hold stays in them, under the same name.
 */
export function removeRow(view: View, table: Table, row: TableRow): Change[] {
  const kept = view.row(row.type, row.name) ?? {};
  if (row.type === 'site') {
    const keys = ['value', 'comments', 'disable'].map((column) => valueKey(table, column, row.qualifier));
    return [{ type: 'site', name: clustersite, values: cleared(keys.filter((key) => key in kept)) }];
  }
  if (alwaysThere(table, row.type)) {
    const change: Change = { type: row.type, name: row.name, remove: true };
    if (row.type !== 'node') return [change];
    const rest = Object.entries(kept).filter(([key]) => !key.startsWith(`${table.name}.`));
    if (rest.length === 0) return [change];
    return [change, { type: 'group', name: row.name, values: Object.fromEntries(rest) }];
  }
  if (row.type === table.name && hasFurtherRows(table)) return [{ type: row.type, name: row.name, remove: true }];
  // A row that a node and a group of the same name share goes from both.
  const types = row.type === 'node' || row.type === 'group' ? ['node', 'group'] : [row.type];
  return types.flatMap((type) => {
    const keys = Object.keys(view.row(type, row.name) ?? {}).filter((key) => belongs(table, row, key));
    return keys.length === 0 ? [] : [{ type, name: row.name, values: cleared(keys) }];
  });
}

function belongs(table: Table, row: TableRow, key: string): boolean {
  if (!key.startsWith(`${table.name}.`)) return false;
  return row.qualifier === undefined || key.slice(key.indexOf('.', table.name.length + 1) + 1) === row.qualifier;
}

function cleared(keys: readonly string[]): Record<string, null> {
  return Object.fromEntries(keys.map((key) => [key, null]));
}

interface Place {
  readonly type: string;
  readonly name: string;
  readonly qualifier?: string;
}

/** Columns whose values are the name of the object, or the qualifier of the row, and not kept beside it. */
function namedColumns(table: Table, place: Place): readonly string[] {
  if (table.name === 'site') return ['key'];
  const named = place.type === table.name && hasFurtherRows(table) ? table.keys : table.named;
  return table.qualifiedBy === undefined ? named : [...named, table.qualifiedBy];
}

function placeOf(view: View, table: Table, values: Values): Place | undefined {
  if (table.name === 'site') {
    const key = values['key'];
    return key === undefined || key === '' ? undefined : { type: 'site', name: clustersite, qualifier: key };
  }
  const keys = table.named.map((column) => values[column] ?? derivedName(table, column, values));
  // Secondary keys may be left out, as in SQLite: passwd rows without a user name.
  if (keys[0] === undefined || keys[0] === '') return undefined;
  const name = rowName(keys.map((key) => key ?? ''));
  const ofNode = table.holder === 'node' && table.name !== 'nodelist';
  const type = ofNode ? holderOf(view, name) : table.holder;
  if (table.qualifiedBy !== undefined) {
    const qualifier = values[table.qualifiedBy];
    return qualifier === undefined || qualifier === '' ? undefined : { type, name, qualifier };
  }
  if (hasFurtherRows(table)) {
    const wanted = Object.fromEntries(table.named.map((column, at) => [column, keys[at] ?? '']));
    const taken = matchingRows(view, table, wanted).some((row) => row.type !== table.name);
    if (taken) return { type: table.name, name: rowName(table.keys.map((column) => values[column] ?? '')) };
  }
  return { type, name };
}

/** A network that came without a name is called as makenetworks calls it. */
function derivedName(table: Table, column: string, values: Values): string | undefined {
  const { net, mask } = values;
  if (table.name !== 'networks' || column !== 'netname' || net === undefined || mask === undefined) return undefined;
  return `${net}-${mask}`.replaceAll(/[.:]/g, '_').replace('/', '_');
}
