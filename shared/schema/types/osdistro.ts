import { at, objectType } from '../object-type.ts';

/**
 * Type osdistro. Source: facts on objects, section 10.
 */
export const osdistro = objectType('osdistro', 'osdistroname', [
  at('osdistroname', 'osdistro.osdistroname', 'name of the distribution'),
  at('basename', 'osdistro.basename', 'name without version'),
  at('majorversion', 'osdistro.majorversion', 'major version'),
  at('minorversion', 'osdistro.minorversion', 'minor version'),
  at('arch', 'osdistro.arch', 'architecture'),
  at('type', 'osdistro.type', 'linux or windows'),
  at('dirpaths', 'osdistro.dirpaths', 'folders holding the packages'),
]);
