import type { CommandDefinition } from '../command.ts';

export const nodegrpch: CommandDefinition = {
  name: 'nodegrpch',
  summary: 'Set columns for groups and clear them on the members',
  usage: ['GROUP[,GROUP]... TABLE.COLUMN=VALUE...'],
  complete: 'group+column',
  changes: true,
  options: [],
  usageWhen: ({ operands }) => (operands.length < 2 ? 1 : undefined),
  examples: ['nodegrpch compute mgt=ipmi nodetype.arch=x86_64'],
};
