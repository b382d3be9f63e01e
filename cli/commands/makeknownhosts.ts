import type { CommandDefinition } from '../command.ts';

export const makeknownhosts: CommandDefinition = {
  name: 'makeknownhosts',
  summary: "Renew root's known_hosts: ask nodes for their ssh host keys",
  usage: ['NODERANGE [-r]'],
  operands: 'Keys are taken as the nodes give them now: run it on a network that you trust.',
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [
    { long: 'remove', short: 'r', help: 'Only take the lines of the nodes away' },
    { short: 'V', help: 'Accepted' },
  ],
  usageWhen: ({ operands }) => (operands.length === 1 ? undefined : 1),
  examples: ['makeknownhosts compute'],
};
