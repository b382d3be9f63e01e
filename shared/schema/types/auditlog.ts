import { at, objectType } from '../object-type.ts';

/**
 * Type auditlog. Source: facts on objects, section 10.
 */
export const auditlog = objectType('auditlog', 'recid', [
  at('recid', 'auditlog.recid', 'running number of the record'),
  at('audittime', 'auditlog.audittime', 'when the command ran'),
  at('userid', 'auditlog.userid', 'who ran it'),
  at('clientname', 'auditlog.clientname', 'machine it came from'),
  at('clienttype', 'auditlog.clienttype', 'kind of client: cli, java, webui, other'),
  at('command', 'auditlog.command', 'the command'),
  at('noderange', 'auditlog.noderange', 'the nodes it was given'),
  at('args', 'auditlog.args', 'its arguments'),
  at('status', 'auditlog.status', 'allowed or denied'),
  at('comments', 'auditlog.comments', 'free text'),
  at('disable', 'auditlog.disable', 'yes or 1 hides the row'),
]);
