import { at, objectType } from '../object-type.ts';

/**
 * Type taskstate. Source: facts on objects, section 10.
 */
export const taskstate = objectType('taskstate', 'node', [
  at('node', 'taskstate.node', 'node concerned'),
  at('command', 'taskstate.command', 'the command'),
  at('state', 'taskstate.state', 'state of the task'),
  at('pid', 'taskstate.pid', 'process that runs it'),
  at('reserve', 'taskstate.reserve', 'reserved'),
  at('disable', 'taskstate.disable', 'yes or 1 hides the row'),
]);
