import type { View } from '../verb/view.ts';
import { attribute } from './attributes.ts';
import { perRevision } from './cache.ts';
import { staticMembers } from './membership.ts';
import { type Condition, meets, parseConditions, unreadable } from './selection.ts';
import { byName } from './words.ts';

export function isDynamicGroup(view: View, group: string): boolean {
  return view.row('group', group)?.['nodegroup.grouptype'] === 'dynamic';
}

/** Members of a group of either kind, sorted; a name that is both is dynamic. */
export function groupMembers(view: View, group: string): readonly string[] {
  return isDynamicGroup(view, group) ? dynamicMembers(view, group) : staticMembers(view, group);
}

const keptMembers = perRevision(() => new Map<string, readonly string[]>());

function dynamicMembers(view: View, group: string): readonly string[] {
  // Reported state changes without a new revision: what may depend on it is computed again.
  const kept = hasReports(view) ? undefined : keptMembers(view);
  const known = kept?.get(group);
  if (known !== undefined) return known;
  const text = view.row('group', group)?.['nodegroup.wherevals'] ?? '';
  const conditions = parseConditions(text.split('::'));
  // A group that cannot be read has no members; it must not make everything else unreadable.
  const members =
    conditions === undefined || unreadable(conditions) !== undefined ? [] : nodesMeeting(view, conditions);
  kept?.set(group, members);
  return members;
}

function hasReports(view: View): boolean {
  return view.reportedRows('node')[Symbol.iterator]().next().done !== true;
}

/** All nodes that meet the conditions, sorted; `node` may be used as an attribute. None where they cannot be read. */
export function nodesMeeting(view: View, conditions: ReadonlyMap<string, Condition> | undefined): string[] {
  if (conditions === undefined || conditions.size === 0) return [];
  const found: string[] = [];
  for (const [name] of view.rows('node')) {
    const value = (attr: string): string | undefined =>
      attr === 'node' ? name : attribute(view, 'node', name, attr)?.value;
    if (meets(conditions, value)) found.push(name);
  }
  return found.sort(byName);
}
