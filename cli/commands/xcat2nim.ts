import type { CommandDefinition } from '../command.ts';

export const xcat2nim: CommandDefinition = {
  name: 'xcat2nim',
  summary: 'Create, list or remove NIM machines, groups and networks for definitions',
  usage: ['[-V] [-u] [-l] [-r] [-f] [-t node|group|network] [-o NAMES] [-a] [NODERANGE] [ATTR=VALUE...]'],
  operands: 'a node range, and NIM attributes as ATTR=VALUE',
  nodeRange: 'first',
  complete: 'node',
  changes: true,
  options: [
    { long: 'verbose', short: 'V', help: 'Show the NIM commands' },
    { short: 'u', help: 'Change what NIM has' },
    { short: 'l', help: 'List what NIM has' },
    { short: 'r', help: 'Remove from NIM' },
    { short: 'f', help: 'Reset, deallocate and define again' },
    { short: 't', value: 'TYPES', help: 'node, group or network; several with commas' },
    { short: 'o', value: 'NAMES', help: 'Names, with commas' },
    { short: 'a', help: 'All objects of the type' },
    { short: 'p', help: 'Only on the primary service nodes' },
    { short: 'b', help: 'Only on the backup service nodes' },
  ],
  usageWhen: ({ operands, options }) =>
    operands.length === 0 && options['o'] === undefined && options['a'] === undefined ? 1 : undefined,
};
