import type { CommandDefinition } from '../command.ts';

export const imgdiff: CommandDefinition = {
  name: 'imgdiff',
  summary: 'Compare two packed versions of images: packages, files, sizes',
  usage: ['A B'],
  operands: 'OSIMAGE@DIGEST, a beginning of the digest, or an osimage for its current version. Exit 1: they differ.',
  complete: 'osimage',
  options: [],
  usageWhen: ({ operands }) => (operands.length === 2 ? undefined : 1),
  examples: ['imgdiff debian12-x86_64-netboot-compute 4f2a'],
};
