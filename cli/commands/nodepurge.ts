import type { CommandDefinition } from '../command.ts';

export const nodepurge: CommandDefinition = {
  name: 'nodepurge',
  summary: 'Remove nodes from all tables and from the services that know them',
  usage: ['NODERANGE'],
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [],
  usageWhen: ({ operands }) => (operands.length < 1 ? 1 : undefined),
};
