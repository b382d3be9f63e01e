import { type CommandDefinition, isBare } from '../command.ts';

export const lsxcatd: CommandDefinition = {
  name: 'lsxcatd',
  summary: 'Show what the server is',
  usage: ['-d | -t | -a | -v'],
  options: [
    { long: 'database', short: 'd', help: 'What the definitions are kept in' },
    { long: 'nodetype', short: 't', help: 'What kind of server it is' },
    { long: 'all', short: 'a', help: 'Everything' },
  ],
  usageWhen: (line) => (isBare(line) ? 1 : undefined),
};
