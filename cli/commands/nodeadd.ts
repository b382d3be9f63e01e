import type { CommandDefinition } from '../command.ts';

export const nodeadd: CommandDefinition = {
  name: 'nodeadd',
  summary: 'Add nodes with values of their tables',
  usage: ['NODERANGE groups=LIST [TABLE.COLUMN=VALUE]...'],
  nodeRange: 'first',
  complete: 'none+column',
  changes: true,
  options: [],
  usageWhen: ({ operands }) => (operands.length < 2 ? 1 : undefined),
  examples: ['nodeadd node[01-20] groups=all,compute mgt=ipmi'],
};
