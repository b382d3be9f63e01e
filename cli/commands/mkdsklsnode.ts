import type { CommandDefinition } from '../command.ts';

export const mkdsklsnode: CommandDefinition = {
  name: 'mkdsklsnode',
  summary: 'Set up AIX diskless and dataless nodes',
  usage: [
    '[-V] [-f] [-n] [-i IMAGE] [-l DIR] [-k] [-d] [-p|-b] NODERANGE [ATTR=VALUE...]',
    '-u [-i IMAGE] [-p|-b] NODERANGE',
  ],
  operands: 'a node range, and duplex, speed, psize, sparse_paging, dump_iscsi_port or configdump as ATTR=VALUE',
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [
    { long: 'verbose', short: 'V', help: 'Show the NIM commands' },
    { short: 'f', help: 'Initialize again what is defined' },
    { short: 'n', help: 'Use the NIM name NODE_IMAGE' },
    { short: 'i', value: 'IMAGE', complete: 'osimage', help: 'The image' },
    { short: 'l', value: 'DIR', help: 'Folder for new resources' },
    { short: 'k', help: 'Do not refresh the shared_root' },
    { short: 'u', help: 'Only bring the resources to the service nodes' },
    { short: 'r', help: 'As -u' },
    { short: 'd', help: 'Copy no files to service nodes: they are there already' },
    { short: 'p', help: 'Only on the primary service nodes' },
    { short: 'b', help: 'Only on the backup service nodes' },
    { short: 'S', help: 'NFSv4 replication between two service nodes; refused, see docs/aix-diskless.md' },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? 1 : undefined),
};
