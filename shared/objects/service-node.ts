import type { View } from '../verb/view.ts';
import { groupsOf } from './membership.ts';

/** A row in the table servicenode, its own or a group's, even with zeros, makes a node one. */
export function isServiceNode(known: View, node: string): boolean {
  const rows = [known.row('node', node), ...groupsOf(known, node).map((group) => known.row('group', group))];
  return rows.some((row) => Object.keys(row ?? {}).some((column) => column.startsWith('servicenode.')));
}
