import type { CommandDefinition } from '../command.ts';

export const dumpxCATdb: CommandDefinition = {
  name: 'dumpxCATdb',
  summary: 'Write all tables into a folder, one file each',
  usage: ['-p FOLDER [-a]'],
  options: [
    { short: 'p', value: 'FOLDER', help: 'The folder; made where it is not there' },
    { short: 'a', help: 'The logs too' },
    { short: 'V', help: 'Accepted' },
    { short: 'D', help: 'Accepted' },
  ],
  usageWhen: ({ options }) => (options['p'] === undefined ? 1 : undefined),
  local: async (line, command) => (await import('../local/dump.ts')).dumpTables(dumpxCATdb, line, command),
};
