import { tables } from '../../../shared/schema/index.ts';
import type { Change } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { changeRow, createRow } from './changes.ts';
import { matchingRows } from './rows.ts';

/** The changes that give the row of one name in node-keyed tables these values, by `table.column`. */
export function nodeRowChanges(view: View, name: string, values: ReadonlyMap<string, string>): Change[] {
  const byTable = new Map<string, Record<string, string>>();
  for (const [column, value] of values) {
    const dot = column.indexOf('.');
    const table = column.slice(0, dot);
    const list = byTable.get(table) ?? {};
    list[column.slice(dot + 1)] = value;
    byTable.set(table, list);
  }
  const changes: Change[] = [];
  for (const [tableName, columns] of byTable) {
    const table = tables.get(tableName);
    if (table === undefined) continue;
    const rows = matchingRows(view, table, { node: name });
    if (rows.length === 0) {
      const made = createRow(view, table, { ...columns, node: name });
      if (made !== undefined) changes.push(made);
    } else {
      changes.push(...rows.map((row) => changeRow(table, row, columns)));
    }
  }
  return merged(changes);
}

/**
 * One change an object. Where a node comes to be with these changes, its rows in other tables are kept with it and not
 * with the group of that name.
 */
export function merged(changes: readonly Change[]): Change[] {
  const made = new Set(
    changes.filter(({ type, remove }) => type === 'node' && remove !== true).map(({ name }) => name),
  );
  const byObject = new Map<string, Change>();
  for (const [at, change] of changes.entries()) {
    const moves = change.type === 'group' && made.has(change.name) && !isOfGroup(change);
    const type = moves ? 'node' : change.type;
    // What says itself what it expects is not mixed with what was said before.
    const key = `${type}/${change.name}${change.expected === undefined ? '' : `/${at}`}`;
    const known = byObject.get(key);
    byObject.set(key, { ...known, ...change, type, values: { ...known?.values, ...change.values } });
  }
  return [...byObject.values()].map((change) =>
    change.remove === true ? { type: change.type, name: change.name, remove: true } : change,
  );
}

function isOfGroup({ values = {} }: Change): boolean {
  return Object.keys(values).some((key) => key.startsWith('nodegroup.'));
}
