import { at, objectType } from '../object-type.ts';

/**
 * Type firmware. Source: facts on objects, section 10.
 */
export const firmware = objectType('firmware', 'cfgfile', [
  at('cfgfile', 'firmware.cfgfile', 'object key, file holding the firmware settings'),
  at('comments', 'firmware.comments', 'free text'),
  at('disable', 'firmware.disable', 'yes or 1 hides the row'),
]);
