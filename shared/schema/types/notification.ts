import { at, objectType } from '../object-type.ts';

/**
 * Type notification. Source: facts on objects, section 10.
 */
export const notification = objectType('notification', 'filename', [
  at('filename', 'notification.filename', 'object key, module or command that is told'),
  at('tables', 'notification.tables', 'tables it wants to hear of'),
  at('tableops', 'notification.tableops', 'a add, u update, d delete'),
  at('comments', 'notification.comments', 'free text'),
]);
