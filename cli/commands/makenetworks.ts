import type { CommandDefinition } from '../command.ts';

export const makenetworks: CommandDefinition = {
  name: 'makenetworks',
  summary: "Define the networks that the manager's machine has interfaces on",
  usage: ['[-d]'],
  changes: true,
  options: [
    { short: 'd', long: 'display', help: 'Show them as stanzas; define nothing' },
    { short: 'V', help: 'Accepted' },
    { short: 'D', help: 'Accepted' },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? undefined : 1),
  examples: ['makenetworks -d', 'makenetworks'],
};
