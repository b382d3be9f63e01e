import type { CommandDefinition } from '../command.ts';

export const tabedit: CommandDefinition = {
  name: 'tabedit',
  summary: 'Change a table in an editor',
  usage: ['TABLE'],
  operands: 'The editor is TABEDITOR, VISUAL or EDITOR, else vi.',
  complete: 'table',
  options: [],
  usageWhen: ({ operands }) => (operands.length === 1 ? undefined : 1),
  local: async (line, command) => (await import('../local/edit-table.ts')).editTable(line, command),
};
