import type { CommandDefinition } from '../command.ts';

export const restorexCATdb: CommandDefinition = {
  name: 'restorexCATdb',
  summary: 'Replace tables by the files that dumpxCATdb wrote, in one commit',
  usage: ['-p FOLDER [-a]'],
  options: [
    { short: 'p', value: 'FOLDER', help: 'The folder' },
    { short: 'a', help: 'The logs too' },
    { short: 'V', help: 'Accepted' },
  ],
  usageWhen: ({ options }) => (options['p'] === undefined ? 1 : undefined),
  local: async (line, command) => (await import('../local/dump.ts')).restoreTables(line, command),
};
