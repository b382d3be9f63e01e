import { at, objectType } from '../object-type.ts';
import { node } from './node.ts';

/** What only a single machine has. */
const notInherited = new Set(
  node.attributes.filter((attribute) => attribute.table === 'nodelist').map(({ name }) => name),
);

/**
 * Groups of nodes: six attributes of their own, and nearly all attributes of a node, which the members inherit.
 * Source: facts on objects, section 4.
 */
export const group = objectType('group', 'groupname', [
  at('groupname', 'nodegroup.groupname', 'object key, the group name'),
  at('grouptype', 'nodegroup.grouptype', 'static or dynamic'),
  at('members', 'nodegroup.members', 'stored as the word static or dynamic, shown as the list of nodes'),
  at('membergroups', 'nodegroup.membergroups', 'historical'),
  at('wherevals', 'nodegroup.wherevals', 'of a dynamic group: attribute, operator and value, several joined by ::'),
  at('usercomment', 'nodegroup.comments', 'free text'),
  ...node.attributes.filter((attribute) => !notInherited.has(attribute.name)),
]);
