import type { Row, View } from '../verb/view.ts';
import { perRevision } from './cache.ts';
import { valueForNode } from './pattern-value.ts';
import { byName, commaList } from './words.ts';

/** The groups that a node names, in its order, which is the order of inheritance. Dynamic groups are not among them. */
export function groupsOf(view: View, node: string): readonly string[] {
  return namedGroups(view.row('node', node), node);
}

const lists = new Map<string, readonly string[]>();

/** Thousands of nodes share a few lists: each is taken apart once. */
function namedGroups(row: Row | undefined, node: string): readonly string[] {
  const text = row?.['nodelist.groups'];
  if (text === undefined || text === '') return [];
  if (text.startsWith('|') || text.startsWith('/')) return split(valueForNode(text, node));
  const known = lists.get(text);
  if (known !== undefined) return known;
  const list = split(text);
  if (lists.size >= 10_000) lists.clear();
  lists.set(text, list);
  return list;
}

function split(text: string): readonly string[] {
  return commaList(text).filter((word) => word !== '');
}

/** Static membership of the whole cluster at one revision: members sorted. */
const membership = perRevision((view): ReadonlyMap<string, readonly string[]> => {
  const members = new Map<string, string[]>();
  const names: string[] = [];
  for (const [name] of view.rows('node')) names.push(name);
  names.sort(byName);
  for (const name of names) {
    for (const group of namedGroups(view.row('node', name), name)) {
      const list = members.get(group);
      if (list === undefined) members.set(group, [name]);
      else if (list.at(-1) !== name) list.push(name);
    }
  }
  return members;
});

/** Nodes whose `groups` name the group, sorted. */
export function staticMembers(view: View, group: string): readonly string[] {
  return membership(view).get(group) ?? [];
}

export function hasStaticMembers(view: View, group: string): boolean {
  return membership(view).has(group);
}

/** Every group that is defined or that a node names, sorted. */
export const groupNames = perRevision((view): readonly string[] => {
  const names = new Set(membership(view).keys());
  for (const [name, row] of view.rows('group')) {
    for (const column in row) {
      if (column.startsWith('nodegroup.')) {
        names.add(name);
        break;
      }
    }
  }
  return [...names].sort(byName);
});
