import type { CommandDefinition } from '../command.ts';

export const makehosts: CommandDefinition = {
  name: 'makehosts',
  summary: "Write the nodes' lines of the hosts file",
  usage: ['[-n] [-l] [-m] [NODERANGE]', '-d [NODERANGE]'],
  operands: 'a node range; all nodes without one. Lines that makehosts did not write are never changed.',
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [
    { short: 'n', help: 'Begin anew: lines of nodes that are not meant go' },
    { short: 'd', help: 'Take the lines of the nodes away' },
    { long: 'longnamefirst', short: 'l', help: 'The name with the domain stands first' },
    { long: 'mactolinklocal', short: 'm', help: 'Write the IPv6 link-local addresses that follow from the MACs' },
    { short: 'V', help: 'Accepted' },
    { short: 'D', help: 'Accepted' },
  ],
  usageWhen: ({ operands }) => (operands.length <= 1 ? undefined : 1),
  examples: ['makehosts', 'makehosts -n', 'makehosts -d n01-n04'],
};
