import { at, objectType } from '../object-type.ts';

/**
 * Type eventlog. Source: facts on objects, section 10.
 */
export const eventlog = objectType('eventlog', 'recid', [
  at('recid', 'eventlog.recid', 'running number of the record'),
  at('eventtime', 'eventlog.eventtime', 'when it happened'),
  at('eventtype', 'eventlog.eventtype', 'event or recovery'),
  at('monitor', 'eventlog.monitor', 'monitoring plug-in that reported it'),
  at('monnode', 'eventlog.monnode', 'node the monitor ran on'),
  at('node', 'eventlog.node', 'node concerned'),
  at('application', 'eventlog.application', 'application that made the event'),
  at('component', 'eventlog.component', 'component within the application'),
  at('id', 'eventlog.id', 'location or identification of the event'),
  at('severity', 'eventlog.severity', 'informational, warning or critical'),
  at('message', 'eventlog.message', 'the text'),
  at('rawdata', 'eventlog.rawdata', 'data that came with it'),
  at('comments', 'eventlog.comments', 'free text'),
  at('disable', 'eventlog.disable', 'yes or 1 hides the row'),
]);
