import type { CommandDefinition } from '../command.ts';

const common = {
  usage: ['[OSIMAGE ...]'],
  operands: 'osimages; without: all',
  complete: 'osimage',
  options: [],
} as const;

export const images: CommandDefinition = {
  ...common,
  name: 'images',
  summary: 'List the packed versions of images, and how many nodes run them',
  examples: ['hostler images', 'hostler images debian12-x86_64-netboot-compute --json'],
};

export const lsimage: CommandDefinition = {
  ...common,
  name: 'lsimage',
  summary: 'List the packed versions of images',
};
