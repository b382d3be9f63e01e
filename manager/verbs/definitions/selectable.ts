import { attribute, attributesOf, defaultScripts } from '../../../shared/objects/index.ts';
import { objectTypes } from '../../../shared/schema/index.ts';
import type { View } from '../../../shared/verb/view.ts';

/**
 * What `-w` compares with; undefined: the object has no such attribute and never fits. Objects that are a row of a
 * table have all columns of that row, unset ones as the empty string; nodes and groups have what is set.
 */
export function selectableValue(
  view: View,
  type: string,
  name: string,
  attr: string,
  withDefaults: boolean,
): string | undefined {
  if (type === 'site' || type === 'monitoring') return attributesOf(view, type, name).get(attr)?.value;
  const value = attribute(view, type, name, attr)?.value;
  if (type === 'node') return withDefaults ? withDefaultScripts(view, attr, value) : value;
  if (type === 'group' || value !== undefined) return value;
  return rowColumns(view, type, name).some((entry) => entry.name === attr) ? '' : undefined;
}

/** The scripts that every node runs come first, as lsdef shows them. */
export function withDefaultScripts(view: View, attr: string, value: string | undefined): string | undefined {
  if (attr !== 'postscripts' && attr !== 'postbootscripts') return value;
  const first = defaultScripts(view)[attr];
  if (first === '') return value;
  return value === undefined || value === '' ? first : `${first},${value}`;
}

/** The attributes of tables in which the object has a row, set or not. */
export function rowColumns(
  view: View,
  type: string,
  name: string,
): { readonly name: string; readonly column: string }[] {
  const described = objectTypes.get(type);
  const row = view.row(type, name);
  if (described === undefined || row === undefined) return [];
  const tables = new Set(Object.keys(row).map((column) => column.slice(0, column.indexOf('.'))));
  return described.attributes
    .filter((entry) => entry.name !== described.key && tables.has(entry.table) && entry.when === undefined)
    .map((entry) => ({ name: entry.name, column: entry.column }));
}
