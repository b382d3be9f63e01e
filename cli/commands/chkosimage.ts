import type { CommandDefinition } from '../command.ts';

export const chkosimage: CommandDefinition = {
  name: 'chkosimage',
  summary: 'Check that everything an AIX image names is there',
  usage: ['[-V] [-c] IMAGE'],
  operands: 'an image name',
  complete: 'osimage',
  changes: true,
  options: [
    { long: 'verbose', short: 'V', help: 'Say more' },
    { short: 'c', help: 'Remove older files of an RPM from the lpp_source' },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? 1 : undefined),
};
