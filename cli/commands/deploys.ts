import type { CommandDefinition } from '../command.ts';

export const deploys: CommandDefinition = {
  name: 'deploys',
  summary: 'Show how far the installations of golden images are, all nodes on one screen',
  usage: ['[--all] [NODERANGE]'],
  operands: 'nodes; without any, all that have a golden image',
  nodeRange: 'all',
  complete: 'node',
  options: [{ long: 'all', help: 'Nodes that have booted too' }],
  examples: ['watch -n 2 hostler deploys', 'hostler deploys --json compute'],
};
