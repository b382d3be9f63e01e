import type { Row, View } from '../verb/view.ts';
import { followingChanges, perRevision } from './cache.ts';
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

interface Membership {
  /** Group to members, sorted. A list that was given away is never changed. */
  readonly members: Map<string, readonly string[]>;
  /** Node to its groups: what to take back when it changes. */
  readonly groups: Map<string, readonly string[]>;
}

/** Static membership of the whole cluster at one revision. One node that changes does not make it look at the others. */
const membership = followingChanges(
  'node',
  (view): Membership => {
    const members = new Map<string, string[]>();
    const groups = new Map<string, readonly string[]>();
    const names: string[] = [];
    for (const [name] of view.rows('node')) names.push(name);
    names.sort(byName);
    for (const name of names) {
      const named = namedGroups(view.row('node', name), name);
      groups.set(name, named);
      for (const group of named) {
        const list = members.get(group);
        if (list === undefined) members.set(group, [name]);
        else if (list.at(-1) !== name) list.push(name);
      }
    }
    return { members, groups };
  },
  ({ members, groups }, view, changed) => {
    for (const name of new Set(changed)) {
      const before = groups.get(name) ?? [];
      const after = namedGroups(view.row('node', name), name);
      if (view.has('node', name)) groups.set(name, after);
      else groups.delete(name);
      for (const group of before) if (!after.includes(group)) takeOut(members, group, name);
      for (const group of after) putIn(members, group, name);
    }
    return { members, groups };
  },
);

function putIn(members: Map<string, readonly string[]>, group: string, name: string): void {
  const list = members.get(group) ?? [];
  const place = placeOf(list, name);
  if (list[place] !== name) members.set(group, [...list.slice(0, place), name, ...list.slice(place)]);
}

function takeOut(members: Map<string, readonly string[]>, group: string, name: string): void {
  const list = members.get(group) ?? [];
  const place = placeOf(list, name);
  if (list[place] !== name) return;
  if (list.length === 1) members.delete(group);
  else members.set(group, [...list.slice(0, place), ...list.slice(place + 1)]);
}

/** Where the name stands in the sorted list, or would stand. */
function placeOf(list: readonly string[], name: string): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (byName(list[middle] ?? '', name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Nodes whose `groups` name the group, sorted. */
export function staticMembers(view: View, group: string): readonly string[] {
  return membership(view).members.get(group) ?? [];
}

export function hasStaticMembers(view: View, group: string): boolean {
  return membership(view).members.has(group);
}

/** Every group that is defined or that a node names, sorted. */
export const groupNames = perRevision((view): readonly string[] => {
  const names = new Set(membership(view).members.keys());
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
