import type { CommandDefinition } from '../command.ts';

export const gettab: CommandDefinition = {
  name: 'gettab',
  summary: 'Show columns of the row that fits',
  usage: ['[-H] KEY=VALUE[,KEY=VALUE]... TABLE.COLUMN...'],
  complete: 'key+column',
  options: [{ long: 'with-fieldname', short: 'H', help: 'Show the name of the column even where there is only one' }],
  usageWhen: ({ operands }) => (operands.length < 2 ? 1 : undefined),
  examples: ['gettab key=master site.value'],
};
