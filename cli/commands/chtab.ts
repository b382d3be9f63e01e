import type { CommandDefinition } from '../command.ts';

export const chtab: CommandDefinition = {
  name: 'chtab',
  summary: 'Set or delete rows of tables',
  usage: ['KEY=VALUE[,KEY=VALUE]... TABLE.COLUMN[+]=VALUE...', '-d KEY=VALUE[,KEY=VALUE]... TABLE...'],
  complete: 'key+column',
  changes: true,
  options: [{ short: 'd', help: 'Delete the rows that fit' }],
  usageWhen: ({ operands }) => (operands.length < 1 ? 1 : undefined),
  examples: ['chtab key=system passwd.username=root', 'chtab -d node=node01 nodehm'],
};
