import { type Attribute, clustersite, objectTypes, type ObjectType } from '../schema/index.ts';
import type { Row, View } from '../verb/view.ts';
import { type ColumnValue, columnValue, disabledTables, effectiveRow, isDisabled } from './columns.ts';
import { listContains } from './words.ts';

/** The value of an attribute is that of the column it shows. */
export type AttributeValue = ColumnValue;

/**
 * The attributes of an object that have a value, in schema order: for a node what it has, inherits and was reported
 * about it, patterns evaluated; for a group its raw values. The scripts of `xcatdefaults` are not among them
 * (`defaultScripts`), nor are members of groups (`groupMembers`). Empty for an object that is not there.
 */
export function attributesOf(view: View, type: string, name: string): ReadonlyMap<string, AttributeValue> {
  if (type === 'node') return fromColumns('node', effectiveRow(view, name));
  return ownAttributesOf(view, type, name);
}

/** What is kept with the object itself: raw patterns, nothing inherited, nothing reported. */
export function ownAttributesOf(view: View, type: string, name: string): ReadonlyMap<string, AttributeValue> {
  if (type === 'site') return siteAttributes(view.row('site', clustersite));
  if (type === 'monitoring') return settings(view.row('monitoring', name));
  return fromColumns(type, rawColumns(ownRow(view, type, name)));
}

/** One attribute without computing the others. */
export function attribute(view: View, type: string, name: string, attr: string): AttributeValue | undefined {
  if (type === 'site' || type === 'monitoring') return ownAttributesOf(view, type, name).get(attr);
  const entries = objectTypes.get(type)?.byName.get(attr);
  if (entries === undefined) return undefined;
  const row = type === 'node' ? undefined : ownRow(view, type, name);
  let found: AttributeValue | undefined;
  for (const entry of entries) {
    if (entry.when !== undefined) {
      const held = entry.when.attribute === attr ? found : attribute(view, type, name, entry.when.attribute);
      if (!listContains(held?.value, entry.when.value)) continue;
    }
    const value = row === undefined ? columnValue(view, name, entry.column) : rawValue(row, entry);
    if (value !== undefined) found = value;
  }
  return found;
}

/** A group and a node of one name share their rows; a pdu is a node. */
function ownRow(view: View, type: string, name: string): Row {
  if (type === 'group' || type === 'pdu') {
    const beside = view.row('node', name);
    const row = view.row('group', name);
    if (beside === undefined) return row ?? {};
    return type === 'pdu' ? { ...row, ...beside } : { ...beside, ...row };
  }
  return view.row(type, name) ?? {};
}

function rawValue(row: Row, entry: Attribute): ColumnValue | undefined {
  const value = row[entry.column];
  return value === undefined || value === '' || isDisabled(row[`${entry.table}.disable`])
    ? undefined
    : { value, column: entry.column };
}

function rawColumns(row: Row): ReadonlyMap<string, ColumnValue> {
  const disabled = disabledTables(row);
  const columns = new Map<string, ColumnValue>();
  for (const column in row) {
    const value = row[column];
    if (value === undefined || value === '') continue;
    if (disabled?.has(column.slice(0, column.indexOf('.'))) === true && !column.endsWith('.disable')) continue;
    columns.set(column, { value, column });
  }
  return columns;
}

/** Where a column shows in the list of a type's attributes. */
const places = new Map<string, ReadonlyMap<string, readonly number[]>>();

function placesOf(type: ObjectType): ReadonlyMap<string, readonly number[]> {
  const known = places.get(type.name);
  if (known !== undefined) return known;
  const made = new Map<string, number[]>();
  type.attributes.forEach((entry, index) => {
    if (entry.name === type.key) return;
    const list = made.get(entry.column);
    if (list === undefined) made.set(entry.column, [index]);
    else list.push(index);
  });
  places.set(type.name, made);
  return made;
}

/**
 * In schema order the last entry whose condition holds wins. Starts from the values, so that the many attributes
 * without one cost nothing.
 */
function fromColumns(typeName: string, columns: ReadonlyMap<string, ColumnValue>): ReadonlyMap<string, AttributeValue> {
  const type = objectTypes.get(typeName);
  const result = new Map<string, AttributeValue>();
  if (type === undefined) return result;
  const known = placesOf(type);
  const indices: number[] = [];
  for (const column of columns.keys()) {
    const list = known.get(column);
    if (list !== undefined) indices.push(...list);
  }
  indices.sort((a, b) => a - b);
  for (const index of indices) {
    const entry = type.attributes[index];
    const value = entry === undefined ? undefined : columns.get(entry.column);
    if (entry === undefined || value === undefined) continue;
    if (entry.when !== undefined && !listContains(result.get(entry.when.attribute)?.value, entry.when.value)) continue;
    result.set(entry.name, value);
  }
  return result;
}

function siteAttributes(row: Row = {}): ReadonlyMap<string, AttributeValue> {
  const result = new Map<string, AttributeValue>();
  for (const column in row) {
    const value = row[column];
    if (!column.startsWith('site.') || value === undefined) continue;
    const key = column.slice('site.'.length);
    if (!isDisabled(row[`sitedisable.${key}`])) result.set(key, { value, column });
  }
  return result;
}

/** A monitoring plug-in shows its settings, not the columns of its own table, as xCAT does. */
function settings(row: Row = {}): ReadonlyMap<string, AttributeValue> {
  const result = new Map<string, AttributeValue>();
  const prefix = 'monsetting.value.';
  for (const column in row) {
    const value = row[column];
    if (column.startsWith(prefix) && value !== undefined) result.set(column.slice(prefix.length), { value, column });
  }
  return result;
}
