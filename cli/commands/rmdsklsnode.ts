import type { CommandDefinition } from '../command.ts';

export const rmdsklsnode: CommandDefinition = {
  name: 'rmdsklsnode',
  summary: 'Remove AIX diskless and dataless nodes from NIM',
  usage: ['[-V] [-f|-r] [-i IMAGE] NODERANGE'],
  operands: 'a node range',
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [
    { long: 'verbose', short: 'V', help: 'Show the NIM commands' },
    { short: 'f', help: 'Shut a running node down first' },
    { short: 'r', help: 'Leave a running node running' },
    { short: 'i', value: 'IMAGE', complete: 'osimage', help: 'Remove the NIM name NODE_IMAGE' },
    { short: 'p', help: 'Only on the primary service nodes' },
    { short: 'b', help: 'Only on the backup service nodes' },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? 1 : undefined),
};
