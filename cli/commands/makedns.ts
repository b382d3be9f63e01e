import type { CommandDefinition } from '../command.ts';

export const makedns: CommandDefinition = {
  name: 'makedns',
  summary: 'Write the names of all nodes for the name server',
  usage: ['[-n] [NODERANGE]', '-d NODERANGE'],
  operands: 'The files are always written whole, for all nodes; with -d without these.',
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [
    { short: 'n', help: 'Accepted: the files are always made anew' },
    { short: 'd', help: 'Leave these nodes out' },
    { short: 'e', long: 'external', help: 'Accepted' },
    {
      long: 'backend',
      value: 'NAME',
      complete: ['dnsmasq', 'bind'],
      help: 'Whose files; else as site.dnshandler says: bind, or dnsmasq',
    },
    { short: 'V', help: 'Accepted' },
    { short: 'D', help: 'Accepted' },
  ],
  usageWhen: ({ operands }) => (operands.length <= 1 ? undefined : 1),
  examples: ['makedns', 'makedns -n', 'makedns -d n01'],
};
