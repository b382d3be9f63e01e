import type { CommandDefinition } from '../command.ts';

export const rmnimimage: CommandDefinition = {
  name: 'rmnimimage',
  summary: 'Remove the NIM resources and the definition of an AIX image',
  usage: ['[-V] [-f] [-d] [-x] [-M | -s SERVERS] IMAGE'],
  operands: 'an image name',
  complete: 'osimage',
  changes: true,
  options: [
    { long: 'verbose', short: 'V', help: 'Show the NIM commands' },
    { short: 'f', help: 'Remove resources that other images name too' },
    { short: 'd', help: 'Delete files, and the lpp_source, too' },
    { short: 'x', help: 'Accepted: the definition is always removed' },
    { short: 'M', help: 'Leave the service nodes as they are' },
    { short: 's', value: 'SERVERS', help: 'Only on these service nodes' },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? 1 : undefined),
};
