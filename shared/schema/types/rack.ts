import { at, objectType } from '../object-type.ts';

/**
 * Type rack. Source: facts on objects, section 10.
 */
export const rack = objectType('rack', 'rackname', [
  at('rackname', 'rack.rackname', 'object key, the rack'),
  at('displayname', 'rack.displayname', 'other name of the rack'),
  at('num', 'rack.num', 'number of the rack'),
  at('height', 'rack.height', 'height in U'),
  at('room', 'rack.room', 'room'),
  at('usercomment', 'rack.comments', 'free text'),
]);
