import type { CommandDefinition } from '../command.ts';

export const undo: CommandDefinition = {
  name: 'undo',
  summary: 'Take one revision of the definitions back',
  usage: ['REVISION [--force]'],
  operands: 'A number that hostler history shows. When later changes would be lost they are named and nothing is done.',
  changes: true,
  options: [{ long: 'force', short: 'f', help: 'Also where something was changed again since then' }],
  usageWhen: ({ operands }) => (operands.length === 1 ? undefined : 1),
  examples: ['hostler undo 41 --plan', 'hostler undo 41'],
};
