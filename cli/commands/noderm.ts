import type { CommandDefinition } from '../command.ts';

export const noderm: CommandDefinition = {
  name: 'noderm',
  summary: 'Remove nodes from all tables',
  usage: ['NODERANGE'],
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [],
  usageWhen: ({ operands }) => (operands.length < 1 ? 1 : undefined),
};
