import type { CommandDefinition } from '../command.ts';

export const nodels: CommandDefinition = {
  name: 'nodels',
  summary: 'List nodes, and columns of their tables',
  usage: ['[-b] [-H] [-S] [NODERANGE] [TABLE.COLUMN | SHORTNAME | TABLE | TABLE.COLUMN==VALUE]...'],
  operands:
    'Short names are groups, tags and mgt. With ==, !=, =~ or !~ a column chooses nodes instead of being shown. Without arguments: all nodes.',
  nodeRange: 'first',
  complete: 'node+column',
  options: [
    { long: 'blame', short: 'b', help: 'Say which group a value is inherited from' },
    { long: 'with-fieldname', short: 'H', help: 'Show the name of the column even where there is only one' },
    { short: 'S', help: 'Show hidden nodes too' },
    { long: 'help', short: 'h?', help: 'Show this text' },
  ],
  usageWhen: ({ options }) => (options['help'] === undefined ? undefined : 0),
  examples: ['nodels', 'nodels compute', 'nodels rack1,-svc nodelist.groups', 'nodels all mgt==ipmi ipmi.bmc'],
};
