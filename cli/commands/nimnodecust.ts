import type { CommandDefinition } from '../command.ts';

export const nimnodecust: CommandDefinition = {
  name: 'nimnodecust',
  summary: 'Install software on running AIX nodes',
  usage: ['[-V] -s LPP_SOURCE [-p PACKAGES] [-b BUNDLES] NODERANGE [ATTR=VALUE...]'],
  operands: 'a node range, and cust attributes as ATTR=VALUE',
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [
    { long: 'verbose', short: 'V', help: 'Show the NIM commands' },
    { short: 's', value: 'LPP_SOURCE', help: 'Where the software is' },
    { short: 'p', value: 'PACKAGES', help: 'Filesets, with commas' },
    { short: 'b', value: 'BUNDLES', help: 'installp_bundle resources, with commas' },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? 1 : undefined),
};
