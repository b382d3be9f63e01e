import { at, objectType } from '../object-type.ts';

/**
 * Type osdistroupdate. Source: facts on objects, section 10.
 */
export const osdistroupdate = objectType('osdistroupdate', 'osupdatename', [
  at('osupdatename', 'osdistroupdate.osupdatename', 'object key, the update'),
  at('osdistroname', 'osdistroupdate.osdistroname', 'name of the distribution'),
  at('dirpath', 'osdistroupdate.dirpath', 'folder of the update'),
  at('downloadtime', 'osdistroupdate.downloadtime', 'when it was fetched'),
  at('usercomment', 'osdistroupdate.comments', 'free text'),
]);
