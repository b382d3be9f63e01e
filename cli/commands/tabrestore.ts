import type { CommandDefinition } from '../command.ts';

export const tabrestore: CommandDefinition = {
  name: 'tabrestore',
  summary: 'Replace a table by the contents of a file that tabdump wrote',
  usage: ['[-a] TABLE.csv'],
  operands: 'The table is named by the file.',
  changes: true,
  operandFiles: true,
  options: [{ short: 'a', help: 'Add to the rows that are there instead of replacing them' }],
  usageWhen: ({ operands }) => (operands.length < 1 ? 2 : undefined),
};
