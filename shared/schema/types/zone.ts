import { at, objectType } from '../object-type.ts';

/**
 * Type zone. Source: facts on objects, section 10.
 */
export const zone = objectType('zone', 'zonename', [
  at('zonename', 'zone.zonename', 'object key, the zone'),
  at('sshkeydir', 'zone.sshkeydir', 'folder of the root ssh keys of the zone'),
  at('sshbetweennodes', 'zone.sshbetweennodes', 'yes: nodes of the zone reach each other by ssh'),
  at('defaultzone', 'zone.defaultzone', 'yes: zone of nodes that name none'),
  at('usercomment', 'zone.comments', 'free text'),
]);
