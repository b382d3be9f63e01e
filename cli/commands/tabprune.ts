import type { CommandDefinition } from '../command.ts';

export const tabprune: CommandDefinition = {
  name: 'tabprune',
  summary: 'Delete old rows of auditlog, eventlog or another log table',
  usage: ['TABLE [-V] [-i RECID | -n NUMBER | -p PERCENT | -d DAYS | -a]'],
  complete: ['auditlog', 'eventlog'],
  changes: true,
  options: [
    { short: 'V', help: 'Show the rows that are deleted' },
    { short: 'i', value: 'RECID', help: 'Rows below this number' },
    { short: 'n', value: 'NUMBER', help: 'So many rows, the oldest first' },
    { short: 'p', value: 'PERCENT', help: 'So many percent of the rows, the oldest first' },
    { short: 'd', value: 'DAYS', help: 'Rows older than this' },
    { short: 'a', help: 'All rows' },
  ],
  usageWhen: ({ operands }) => (operands.length < 1 ? 1 : undefined),
};
