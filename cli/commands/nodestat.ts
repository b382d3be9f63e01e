import type { CommandDefinition } from '../command.ts';

export const nodestat: CommandDefinition = {
  name: 'nodestat',
  summary: 'Show what state nodes report',
  usage: ['[-p] [-m] [-u] [-f] NODERANGE'],
  nodeRange: 'first',
  complete: 'node',
  options: [
    { long: 'powerstat', short: 'p', help: 'Show the power state of nodes that do not answer' },
    { long: 'usemon', short: 'm', help: 'Show the states of applications too' },
    { long: 'updatedb', short: 'u', help: 'Accepted: states are always kept up to date' },
    { long: 'usefping', short: 'f', help: 'Accepted: nothing is pinged' },
  ],
  usageWhen: ({ operands }) => (operands.length < 1 ? 1 : undefined),
};
