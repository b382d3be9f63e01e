import { attribute, staticMembers } from '../../../shared/objects/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { ChangeSet } from './change-set.ts';
import { membersWanted } from './group-members.ts';
import type { Request } from './request.ts';
import type { Talk } from './talk.ts';
import type { Wanted } from './wanted.ts';

/**
 * What is special about changing a group: its members are words in the `groups` of nodes. `members`: memberships
 * change, so something is written even if the group itself stays as it is.
 */
export function changeGroup(
  request: Request,
  object: Wanted,
  exists: boolean,
  view: View,
  set: ChangeSet,
  talk: Talk,
): 'refused' | 'members' | 'plain' {
  const { options } = request;
  const { name, attributes } = object;
  const now = exists ? attribute(view, 'group', name, 'grouptype')?.value : undefined;
  if ((options.dynamic || now === 'dynamic') && attributes.size > 0) {
    talk.error(`Can not assign attributes to dynamic node group '${name}'.`);
    return 'refused';
  }
  const type = exists ? (now ?? 'static') : (attributes.get('grouptype') ?? (options.dynamic ? 'dynamic' : 'static'));
  if (options.where.length > 0 && (attributes.get('wherevals') ?? '') === '') {
    if ((attributes.get('members') ?? '') !== '' && type === 'static') {
      talk.error("Cannot use a list of members together with the '-w' option.");
      return 'refused';
    }
    attributes.set('wherevals', options.where.join('::'));
  }
  if (type === 'dynamic') return exists ? 'plain' : newDynamic(object, talk);
  if (!exists && !attributes.has('grouptype')) attributes.set('grouptype', 'static');
  const range = attributes.get('members') ?? '';
  // An empty list of members changes no membership.
  if (range === '' && !attributes.has('wherevals')) return 'plain';
  const nodes = membersWanted(view, talk, range, request.conditions);
  const changed = changeMembers(request, name, nodes, exists, view, set, talk);
  // What stands in the column only says what kind of list it is; taking members away leaves it empty.
  attributes.set('members', options.minus ? '' : 'static');
  return changed ? 'members' : 'plain';
}

function newDynamic({ name, attributes }: Wanted, talk: Talk): 'refused' | 'plain' {
  if (!attributes.has('grouptype')) {
    attributes.set('grouptype', 'dynamic');
    attributes.set('members', 'dynamic');
  }
  if ((attributes.get('wherevals') ?? '') !== '') return 'plain';
  talk.error(`The 'where' attributes and values were not provided for dynamic group '${name}'.`);
  talk.error('Skipping to the next group.');
  return 'refused';
}

function changeMembers(
  { options, askedType }: Request,
  group: string,
  nodes: readonly string[],
  exists: boolean,
  view: View,
  set: ChangeSet,
  talk: Talk,
): boolean {
  if (nodes.length === 0) return false;
  if (options.minus) {
    for (const node of nodes) {
      if (set.removeFromGroup(node, group)) continue;
      talk.error(
        askedType === 'group'
          ? `${node} is not a member of '${group}'.`
          : `${group} is not in the attribute of 'groups' for the '${node}' definition.`,
      );
    }
    return true;
  }
  if (exists && !options.plus) {
    for (const node of staticMembers(view, group)) set.removeFromGroup(node, group);
  }
  for (const node of nodes) set.addToGroup(node, group);
  return true;
}
