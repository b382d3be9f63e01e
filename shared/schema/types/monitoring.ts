import { at, objectType } from '../object-type.ts';

/**
 * Type monitoring. Source: facts on objects, section 10.
 */
export const monitoring = objectType('monitoring', 'name', [
  at('name', 'monitoring.name', 'object key, the plug-in'),
  at('nodestatmon', 'monitoring.nodestatmon', 'yes: this plug-in also watches node status'),
  at('comments', 'monitoring.comments', 'free text'),
  at('disable', 'monitoring.disable', 'yes or 1 hides the row'),
]);
