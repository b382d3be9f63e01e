import type { CommandDefinition } from '../command.ts';

export const rmimage: CommandDefinition = {
  name: 'rmimage',
  summary: 'Remove the tree and the packed versions of a diskless image',
  usage: ['[-x] IMAGE'],
  operands: 'an osimage that no node is to run',
  complete: 'osimage',
  changes: true,
  options: [{ short: 'x', long: 'xcatdef', help: 'The definition goes too' }],
  usageWhen: ({ operands }) => (operands.length === 1 ? undefined : 1),
};
