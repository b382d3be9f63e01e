import type { CommandDefinition } from '../command.ts';

const unbuilt = 'Not built yet';

export const updatenode: CommandDefinition = {
  name: 'updatenode',
  summary: 'Bring installed clones to the present state of their golden image',
  usage: ['NODERANGE -S [-V]'],
  operands: 'nodes that were installed from a golden image (provmethod sysclone)',
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [
    { short: 'S', long: 'sw', help: 'Fetch what changed in the image; identity, network and boot loader stay' },
    { short: 'V', long: 'verbose', help: 'Name the files that changed' },
    { short: 'F', long: 'sync', help: unbuilt },
    { short: 'f', long: 'snsync', help: unbuilt },
    { short: 'P', long: 'scripts', value: 'SCRIPTS', optionalValue: true, help: unbuilt },
    { short: 'k', long: 'security', help: unbuilt },
    { short: 'g', long: 'genmypost', help: unbuilt },
    { short: 's', long: 'sn', help: unbuilt },
    { short: 'A', long: 'updateallsw', help: unbuilt },
    { short: 'c', long: 'cmdlineonly', help: unbuilt },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? 1 : undefined),
  examples: ['updatenode compute -S'],
};
