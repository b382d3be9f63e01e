import { clustersite, objectTypes } from '../schema/index.ts';
import type { Row, View } from '../verb/view.ts';
import { groupNames, hasStaticMembers } from './membership.ts';
import { byName } from './words.ts';

/** The table that has a row for every object of the type: the one of the type's key. */
export function primaryTable(type: string): string {
  const described = objectTypes.get(type);
  return described?.byName.get(described.key)?.[0]?.table ?? type;
}

/** Which object keeps rows named `name` of tables that are keyed by node, see README.md. */
export function holderOf(view: View, name: string): 'node' | 'group' {
  return view.has('node', name) ? 'node' : 'group';
}

/** Whether xCAT's commands see an object of this type and name. */
export function objectExists(view: View, type: string, name: string): boolean {
  switch (type) {
    case 'site':
      return name === clustersite;
    case 'node':
      return view.has('node', name);
    case 'group':
      return hasTable(view.row('group', name), 'nodegroup') || hasStaticMembers(view, name);
    case 'pdu':
      return hasTable(view.row('node', name), 'pdu') || hasTable(view.row('group', name), 'pdu');
    case 'osimage':
      return hasTable(view.row('osimage', name), 'osimage');
    default:
      return view.has(type, name);
  }
}

/** Names of all objects of the type, sorted. */
export function objectNames(view: View, type: string): readonly string[] {
  if (type === 'site') return [clustersite];
  if (type === 'group') return groupNames(view);
  const holders = type === 'pdu' ? ['node', 'group'] : [type];
  const names: string[] = [];
  for (const holder of holders) {
    for (const [name, row] of view.rows(holder)) {
      if ((type !== 'pdu' && type !== 'osimage') || hasTable(row, type)) names.push(name);
    }
  }
  return names.sort(byName);
}

/** Whether the object has a row, be it empty, in that table. */
function hasTable(row: Row | undefined, table: string): boolean {
  if (row === undefined) return false;
  const prefix = `${table}.`;
  for (const column in row) if (column.startsWith(prefix)) return true;
  return false;
}
