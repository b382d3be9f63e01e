import type { CommandDefinition } from '../command.ts';

export const tabdump: CommandDefinition = {
  name: 'tabdump',
  summary: 'List tables, or show one as comma separated values',
  usage: ['', '[-w COLUMN==VALUE]... [-n NUMBER] [-f FILE] TABLE', '-d [TABLE]'],
  complete: 'table',
  options: [
    {
      short: 'w',
      value: 'COLUMN==VALUE',
      repeat: true,
      help: 'Only rows that fit; also !=, =~, !~, >, >=, <, <=; % in =~ stands for anything',
    },
    { short: 'd', help: 'Describe the columns of the table, or all tables' },
    { short: 'n', value: 'NUMBER', help: 'Only the last rows of auditlog or eventlog' },
    { short: 'f', value: 'FILE', help: 'Write into this file' },
    { short: 'V', help: 'Accepted' },
    { long: 'help', short: 'h?', help: 'Show this text' },
  ],
  local: (line, command) =>
    line.options['f'] === undefined
      ? undefined
      : import('../local/write-table.ts').then(({ writeTable }) => writeTable(tabdump, line, command)),
  usageWhen: ({ options, operands }) => (options['help'] !== undefined ? 0 : operands.length > 1 ? 1 : undefined),
  examples: ['tabdump site', 'tabdump -w key==master site'],
};
