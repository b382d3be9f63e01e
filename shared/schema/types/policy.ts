import { at, objectType } from '../object-type.ts';

/**
 * Who may run what. Source: facts on objects, section 8.
 */
export const policy = objectType('policy', 'priority', [
  at('priority', 'policy.priority', 'object key; lower number wins'),
  at('name', 'policy.name', 'user name allowed, default * (monitoring: plug-in name)'),
  at('host', 'policy.host', 'client host, default *'),
  at('commands', 'policy.commands', 'command list, default *'),
  at('noderange', 'policy.noderange', 'noderange limit, default *; not honoured for *def commands'),
  at('parameters', 'policy.parameters', 'regular expression on the arguments; not honoured for *def commands'),
  at('time', 'policy.time', 'not supported'),
  at('rule', 'policy.rule', 'allow or trusted; anything else denies'),
  at('usercomment', 'policy.comments', 'free text'),
]);
