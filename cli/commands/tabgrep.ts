import type { CommandDefinition } from '../command.ts';

export const tabgrep: CommandDefinition = {
  name: 'tabgrep',
  summary: 'List the tables that hold something about a node',
  usage: ['NODERANGE'],
  nodeRange: 'first',
  complete: 'node',
  options: [{ long: 'help', short: 'h?', help: 'Show this text' }],
  // The original knows no help option here and ends with 1; scripts that probe for it see the same.
  usageWhen: ({ operands, options }) => (operands.length < 1 || options['help'] !== undefined ? 1 : undefined),
};
