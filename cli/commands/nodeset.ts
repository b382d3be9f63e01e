import type { CommandDefinition } from '../command.ts';

export const nodeset: CommandDefinition = {
  name: 'nodeset',
  summary: 'Say what nodes boot next: an image, their own disk, nothing',
  usage: ['NODERANGE {osimage[=IMAGE] | boot | offline | stat}'],
  operands: 'a node range, and what its nodes are to boot; osimage alone takes the provmethod of each node',
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [
    { short: 'a', help: 'With stat: accepted, the state is the same everywhere' },
    { short: 'V', help: 'Accepted' },
    { long: 'noupdateinitrd', help: 'Accepted: a packed image is never changed' },
    { long: 'ignorekernelchk', help: 'Accepted' },
  ],
  usageWhen: ({ operands, options }) =>
    operands.length === 0 ? (Object.keys(options).length === 0 ? 0 : 1) : operands.length === 1 ? 1 : undefined,
  examples: ['nodeset n01 osimage=debian12-x86_64-netboot-compute', 'nodeset compute boot', 'nodeset n01 stat'],
};
