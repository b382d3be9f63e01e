import { primaryTable } from '../../../shared/objects/index.ts';
import { clustersite, rowKeys, tables, type Table } from '../../../shared/schema/index.ts';
import type { Row, View } from '../../../shared/verb/view.ts';

/** One row as a table shows it. How rows are kept in objects: shared/objects/README.md. */
export interface TableRow {
  /** The object that keeps it. */
  readonly type: string;
  readonly name: string;
  /** Of tables that keep several rows for one name: the value of the qualifying column. */
  readonly qualifier?: string;
  /** Column to value, key columns included; what is unset is absent. */
  readonly values: Readonly<Record<string, string>>;
}

/** Every row of a table, in the order in which the objects came. */
export function tableRows(view: View, table: Table): TableRow[] {
  if (table.name === 'site') return siteRows(view);
  const rows: TableRow[] = [];
  for (const type of holders(table)) {
    for (const [name, row] of view.rows(type)) rows.push(...rowsOf(table, type, name, row));
  }
  return rows.some(({ type, name }) => type === 'group' && view.has('node', name)) ? onePerName(table, rows) : rows;
}

/** The rows that have these values in these columns. Costs one look-up where the columns make the name. */
export function matchingRows(view: View, table: Table, wanted: Readonly<Record<string, string>>): TableRow[] {
  const fits = ({ values }: TableRow): boolean =>
    Object.entries(wanted).every(([column, value]) => (values[column] ?? '') === value);
  const [only, ...others] = table.named;
  const name = only === undefined ? undefined : wanted[only];
  if (name === undefined || others.length > 0 || table.name === 'site') return tableRows(view, table).filter(fits);
  const rows = holders(table)
    .filter((type) => type !== table.name || table.holder === type)
    .flatMap((type) => {
      const row = view.row(type, name);
      return row === undefined ? [] : rowsOf(table, type, name, row);
    });
  const further = hasFurtherRows(table) ? furtherRows(view, table) : [];
  return onePerName(table, [...rows, ...further]).filter(fits);
}

/** `switch` and its like: one row is kept with the node, further ones are objects of a type named as the table. */
export function hasFurtherRows(table: Table): boolean {
  return table.holder === 'node' && table.qualifiedBy === undefined && table.keys.length > table.named.length;
}

function holders(table: Table): readonly string[] {
  if (table.holder !== 'node') return [table.holder];
  if (table.name === 'nodelist') return ['node'];
  // The rows of the installation (xcatdefaults, service) come first in postscripts.
  const shared = table.name === 'postscripts' ? ['group', 'node'] : ['node', 'group'];
  return hasFurtherRows(table) ? [...shared, table.name] : shared;
}

function furtherRows(view: View, table: Table): TableRow[] {
  return [...view.rows(table.name)].flatMap(([name, row]) => rowsOf(table, table.name, name, row));
}

function rowsOf(table: Table, type: string, name: string, row: Row): TableRow[] {
  const named = type === table.name && hasFurtherRows(table) ? table.keys : table.named;
  const own: Record<string, string> = {};
  if (named.length === 1) own[named[0] ?? ''] = name;
  else {
    for (const [at, key] of rowKeys(name, named.length).entries()) if (key !== '') own[named[at] ?? ''] = key;
  }
  if (table.qualifiedBy !== undefined) return qualifiedRows(table, table.qualifiedBy, type, name, row, own);
  let exists = alwaysThere(table, type);
  const values: Record<string, string> = own;
  for (const [column, key] of columnKeys(table)) {
    const value = row[key];
    if (value === undefined) continue;
    exists = true;
    if (value !== '') values[column] = value;
  }
  return exists ? [{ type, name, values }] : [];
}

const keysByTable = new WeakMap<Table, readonly (readonly [column: string, key: string])[]>();

/** Each column with the key that its value is kept under. */
function columnKeys(table: Table): readonly (readonly [column: string, key: string])[] {
  const known = keysByTable.get(table);
  if (known !== undefined) return known;
  const made = table.columns.map((column) => [column, `${table.name}.${column}`] as const);
  keysByTable.set(table, made);
  return made;
}

/** Every object has a row in the table of its type's key; but what is kept under a group's name need not be a group. */
export function alwaysThere(table: Table, type: string): boolean {
  return type !== 'group' && type !== 'osimage' && primaryTable(type) === table.name;
}

function qualifiedRows(
  table: Table,
  by: string,
  type: string,
  name: string,
  row: Row,
  own: Readonly<Record<string, string>>,
): TableRow[] {
  const found = new Map<string, Record<string, string>>();
  const prefix = `${table.name}.`;
  for (const key in row) {
    if (!key.startsWith(prefix)) continue;
    const dot = key.indexOf('.', prefix.length);
    const qualifier = key.slice(dot + 1);
    let values = found.get(qualifier);
    if (values === undefined) found.set(qualifier, (values = { ...own, [by]: qualifier }));
    const value = row[key];
    if (value !== undefined && value !== '') values[key.slice(prefix.length, dot)] = value;
  }
  return [...found].map(([qualifier, values]) => ({ type, name, qualifier, values }));
}

/** Where a node and a group have the same name, they share the row: the node's values count first. */
function onePerName(table: Table, rows: readonly TableRow[]): TableRow[] {
  const byKey = new Map<string, TableRow>();
  for (const row of rows) {
    const key = row.type === table.name ? `${row.type}\n${row.name}` : `${row.name}\n${row.qualifier ?? ''}`;
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, row);
    else {
      const [node, group] = row.type === 'node' ? [row, known] : [known, row];
      byKey.set(key, { ...node, values: { ...group.values, ...node.values } });
    }
  }
  return [...byKey.values()];
}

function siteRows(view: View): TableRow[] {
  const row = view.row('site', clustersite) ?? {};
  const rows = new Map<string, Record<string, string>>();
  for (const key in row) {
    const dot = key.indexOf('.');
    const column = siteColumns.get(key.slice(0, dot));
    if (column === undefined) continue;
    const name = key.slice(dot + 1);
    let values = rows.get(name);
    if (values === undefined) rows.set(name, (values = { key: name }));
    const value = row[key];
    if (value !== undefined && value !== '') values[column] = value;
  }
  return [...rows].map(([name, values]) => ({ type: 'site', name: clustersite, qualifier: name, values }));
}

const siteColumns: ReadonlyMap<string, string> = new Map([
  ['site', 'value'],
  ['sitecomments', 'comments'],
  ['sitedisable', 'disable'],
]);

/** Where a column of a row is kept in the row's object. */
export function valueKey(table: Table, column: string, qualifier: string | undefined): string {
  if (table.name === 'site') return `${column === 'value' ? 'site' : `site${column}`}.${qualifier ?? ''}`;
  return qualifier === undefined ? `${table.name}.${column}` : `${table.name}.${column}.${qualifier}`;
}

export function tableNamed(name: string): Table | undefined {
  return tables.get(name);
}
