import type { CommandDefinition } from '../command.ts';

export const nodes: CommandDefinition = {
  name: 'nodes',
  summary: 'Show which image each node is to run, and which it says that it runs',
  usage: ['[--stale] [NODERANGE]'],
  nodeRange: 'all',
  complete: 'node',
  options: [{ long: 'stale', help: 'Only nodes that do not run what nodeset gave them' }],
  examples: ['hostler nodes --stale', 'hostler nodes rack1'],
};
