import type { CommandDefinition } from '../command.ts';

export const makedhcp: CommandDefinition = {
  name: 'makedhcp',
  summary: 'Tell the DHCP service of networks and nodes',
  usage: ['-n [-a]', '-a [-d]', '[-d] NODERANGE', '-q NODERANGE'],
  operands: 'a node range. What nodes boot stays as nodeset has set it.',
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [
    { short: 'n', help: 'The networks anew, with their ranges for unknown machines; nodes that are served stay' },
    { short: 'a', help: 'All nodes that have mac and ip' },
    { short: 'd', help: 'Take the nodes away' },
    { short: 'q', help: 'Show what the nodes are told' },
    { short: 'l', help: 'Accepted' },
    { short: 's', value: 'STATEMENTS', help: 'Refused with the reason', hidden: true },
    {
      long: 'backend',
      value: 'NAME',
      complete: ['kea', 'isc', 'boot'],
      help: 'kea or isc: write the file of that server; boot: our boot service. Else as site.dhcpbackend says',
    },
    { short: 'V', help: 'Accepted' },
    { short: 'D', help: 'Accepted' },
  ],
  usageWhen: ({ operands, options }) =>
    operands.length > 1 || (operands.length === 0 && options['n'] === undefined && options['a'] === undefined)
      ? 1
      : undefined,
  examples: ['makedhcp -n', 'makedhcp -a', 'makedhcp -q n01-n04'],
};
