import type { CommandDefinition } from '../command.ts';

export const diff: CommandDefinition = {
  name: 'diff',
  summary: 'Show what is different between two revisions of the definitions',
  usage: ['REVISION [REVISION]'],
  operands: 'Numbers that hostler history shows, the earlier one first; without the second: now.',
  options: [],
  usageWhen: ({ operands }) => (operands.length === 1 || operands.length === 2 ? undefined : 1),
  examples: ['hostler diff 40 57', 'hostler diff 40'],
};
