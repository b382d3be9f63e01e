import type { CommandDefinition } from '../command.ts';

export const nodech: CommandDefinition = {
  name: 'nodech',
  summary: 'Change columns of the tables of nodes',
  usage: ['NODERANGE TABLE.COLUMN=VALUE...', '-d NODERANGE TABLE...'],
  operands:
    'COLUMN=VALUE replaces, COLUMN,=VALUE puts items in front of a list, COLUMN^=VALUE takes them out, COLUMN=@VALUE takes VALUE as it is; ==, !=, =~ and !~ choose among the nodes.',
  nodeRange: 'first',
  complete: 'node+column',
  changes: true,
  options: [{ long: 'delete', short: 'd', help: 'Delete the rows of the nodes from the tables' }],
  usageWhen: ({ operands }) => (operands.length < 2 ? 1 : undefined),
  examples: ['nodech node01 groups,=rack1', 'nodech compute mgt==ipmi ipmi.username=root', 'nodech -d node01 nodehm'],
};
