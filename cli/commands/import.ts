import type { CommandDefinition } from '../command.ts';

export const importCommand: CommandDefinition = {
  name: 'import',
  summary: 'Take in the definitions of an xCAT site, in one commit',
  usage: ['xcat FOLDER | FILE [--yes] [--replace] [-a]'],
  operands:
    'xcat, and a folder that dumpxCATdb wrote (one .csv file a table), a folder of stanza files, or one such file. ' +
    'What would come of it is shown first; what is not understood is kept as it is.',
  complete: ['xcat'],
  changes: true,
  options: [
    { long: 'yes', short: 'y', help: 'Do not ask' },
    { long: 'replace', help: 'Tables become what the files say; else rows that are not in the files stay' },
    { short: 'a', help: 'The logs (auditlog, eventlog) too' },
    { long: 'look', help: 'Only the summary', hidden: true },
    { long: 'quiet', help: 'No summary', hidden: true },
  ],
  usageWhen: ({ operands }) => (operands.length === 2 && operands[0] === 'xcat' ? undefined : 1),
  local: async (line, command) => (await import('../local/import.ts')).importFiles(importCommand, line, command),
  examples: ['hostler import xcat /root/xcat-dump --plan', 'hostler import xcat /root/xcat-dump'],
};
