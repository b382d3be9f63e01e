import type { CommandDefinition } from '../command.ts';

export const nimnodeset: CommandDefinition = {
  name: 'nimnodeset',
  summary: 'Set up the network installation of AIX nodes',
  usage: ['[-V] [-f] [-i IMAGE] [-l DIR] [-d] [-p|-b] NODERANGE [ATTR=VALUE...]'],
  operands: 'a node range, and bos_inst attributes as ATTR=VALUE',
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [
    { long: 'verbose', short: 'V', help: 'Show the NIM commands' },
    { short: 'f', help: 'Reset and deallocate machines that are not ready' },
    {
      short: 'i',
      value: 'IMAGE',
      complete: 'osimage',
      help: "The image; default the node's provmethod, then its profile",
    },
    { short: 'l', value: 'DIR', help: 'Folder for new resources' },
    { short: 'd', help: 'Copy no files to service nodes: they are there already' },
    { short: 'p', help: 'Only on the primary service nodes' },
    { short: 'b', help: 'Only on the backup service nodes' },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? 1 : undefined),
};
