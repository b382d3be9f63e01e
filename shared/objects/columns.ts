import { clustersite } from '../schema/index.ts';
import type { Row, View } from '../verb/view.ts';
import { perRevision } from './cache.ts';
import { groupsOf } from './membership.ts';
import { valueForNode } from './pattern-value.ts';
import { commaList } from './words.ts';

/** What one `table.column` is for a node, and who says so: the node itself, one of its groups, or an agent. */
export interface ColumnValue {
  readonly value: string;
  /** `table.column`, where it is kept. */
  readonly column: string;
  /** The group it was inherited from. */
  readonly group?: string;
  readonly reported?: true;
}

/** Tables whose values stay where they are written: the list of nodes, the list of groups, and per-user rows. */
const notInherited: ReadonlySet<string> = new Set(['nodelist', 'nodegroup', 'ppcdirect', 'deps']);

/** A value that ends so goes on with that of the next group. */
const nextRecord = '+=NEXTRECORD';

/** One column of one node; costs a look at the node and its groups, not at the cluster. */
export function columnValue(view: View, node: string, column: string): ColumnValue | undefined {
  const reported = view.reported('node', node)?.[column];
  if (reported !== undefined && reported !== '') return { value: reported, column, reported: true };
  const first = firstValue(view, node, column, 0);
  return first === undefined ? undefined : finish(view, node, column, first);
}

/** All columns of one node that have a value, without a particular order. */
export function effectiveRow(view: View, node: string): ReadonlyMap<string, ColumnValue> {
  const result = new Map<string, ColumnValue>();
  for (const row of ownRows(view, node)) {
    const disabled = disabledTables(row);
    for (const column in row) {
      const value = row[column];
      if (value === undefined || value === '' || result.has(column)) continue;
      if (disabled !== undefined && disabled.has(tableOf(column))) continue;
      result.set(column, { value, column });
    }
  }
  for (const [column, inherited] of inheritedLayer(view, node)) if (!result.has(column)) result.set(column, inherited);
  for (const [column, value] of result) {
    const finished = finish(view, node, column, value);
    if (finished === undefined) result.delete(column);
    else if (finished !== value) result.set(column, finished);
  }
  const reports = view.reported('node', node);
  for (const column in reports) {
    const value = reports[column];
    if (value !== undefined && value !== '') result.set(column, { value, column, reported: true });
  }
  return result;
}

/** The node's own row, and that of a group of the same name. */
function ownRows(view: View, node: string): Row[] {
  const own = view.row('node', node);
  const shared = view.row('group', node);
  if (shared === undefined) return own === undefined ? [] : [own];
  const columns = Object.entries(shared).filter(([column]) => !column.startsWith('nodegroup.'));
  return own === undefined ? [Object.fromEntries(columns)] : [own, Object.fromEntries(columns)];
}

/** The value at `skip` or later in the order: own, then the groups. */
function firstValue(view: View, node: string, column: string, skip: number): ColumnValue | undefined {
  const table = tableOf(column);
  if (skip === 0) {
    for (const row of ownRows(view, node)) {
      const value = row[column];
      if (value !== undefined && value !== '' && !isDisabled(row[`${table}.disable`])) return { value, column };
    }
  }
  if (notInherited.has(table)) return undefined;
  const groups = groupsOf(view, node);
  for (let at = Math.max(0, skip - 1); at < groups.length; at += 1) {
    const group = groups[at] ?? '';
    const row = view.row('group', group);
    const value = row?.[column];
    if (value !== undefined && value !== '' && !isDisabled(row?.[`${table}.disable`])) return { value, column, group };
  }
  return undefined;
}

/** What groups give, by the list of groups: computed once for all nodes with the same list. */
const layers = perRevision(() => new Map<string, ReadonlyMap<string, ColumnValue>>());

function inheritedLayer(view: View, node: string): ReadonlyMap<string, ColumnValue> {
  const groups = groupsOf(view, node);
  const known = layers(view);
  const key = groups.join(',');
  const layer = known.get(key);
  if (layer !== undefined) return layer;
  const made = new Map<string, ColumnValue>();
  for (const group of groups) {
    const row = view.row('group', group);
    if (row === undefined) continue;
    const disabled = disabledTables(row);
    for (const column in row) {
      const value = row[column];
      const table = tableOf(column);
      if (value === undefined || value === '' || made.has(column) || notInherited.has(table)) continue;
      if (disabled !== undefined && disabled.has(table)) continue;
      made.set(column, { value, column, group });
    }
  }
  known.set(key, made);
  return made;
}

/** Patterns, accumulation, continuation. undefined: the pattern says that there is no value. */
function finish(view: View, node: string, column: string, first: ColumnValue): ColumnValue | undefined {
  const delimiter = accumulated(view).get(column.slice(column.indexOf('.') + 1));
  if (delimiter !== undefined || first.value.endsWith(nextRecord)) return collect(view, node, column, delimiter);
  const code = first.value.charCodeAt(0);
  if (code !== 0x2f && code !== 0x7c) return first;
  const value = valueForNode(first.value, node);
  if (value === '') return undefined;
  return value === first.value ? first : { ...first, value };
}

/** Values of the node and all its groups, without repeats; or, without a delimiter, until one does not ask for more. */
function collect(view: View, node: string, column: string, delimiter: string | undefined): ColumnValue | undefined {
  const items: string[] = [];
  let origin: ColumnValue | undefined;
  let skip = 0;
  const groups = groupsOf(view, node);
  while (skip <= groups.length) {
    const next = firstValue(view, node, column, skip);
    if (next === undefined) break;
    origin ??= next;
    skip = next.group === undefined ? 1 : groups.indexOf(next.group) + 2;
    const goesOn = next.value.endsWith(nextRecord);
    const value = valueForNode(goesOn ? next.value.slice(0, -nextRecord.length) : next.value, node);
    for (const item of value.split(delimiter ?? ',')) if (item !== '' && !items.includes(item)) items.push(item);
    if (delimiter === undefined && !goesOn) break;
  }
  const value = items.join(delimiter ?? ',');
  return origin === undefined || value === '' ? undefined : { ...origin, value };
}

/** site.hierarchicalattrs: column name to delimiter. */
const accumulated = perRevision((view): ReadonlyMap<string, string> => {
  const columns = new Map<string, string>();
  const text = view.row('site', clustersite)?.['site.hierarchicalattrs'] ?? '';
  for (const item of commaList(text)) {
    const [column = '', delimiter = ','] = item.split(':');
    if (column.trim() !== '') columns.set(column.trim(), delimiter === '' ? ',' : delimiter);
  }
  return columns;
});

export function isDisabled(flag: string | undefined): boolean {
  return flag === 'yes' || flag === '1';
}

/** The tables of a row that `disable` hides; undefined for nearly every row. */
export function disabledTables(row: Row): ReadonlySet<string> | undefined {
  let tables: Set<string> | undefined;
  for (const column in row) {
    if (column.endsWith('.disable') && isDisabled(row[column])) (tables ??= new Set()).add(tableOf(column));
  }
  return tables;
}

function tableOf(column: string): string {
  return column.slice(0, column.indexOf('.'));
}
