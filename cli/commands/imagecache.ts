import type { CommandDefinition } from '../command.ts';

export const imagecache: CommandDefinition = {
  name: 'imagecache',
  summary: 'Show what a build host keeps of earlier image builds, or take it away',
  usage: ['[--on AGENT]', '--trim [--on AGENT]', '--clear [--on AGENT]'],
  changes: true,
  options: [
    { long: 'clear', help: 'empty it; the next genimage makes everything anew' },
    { long: 'trim', help: 'bring it to its limit (site.imagecachesize) now, not at the end of the next genimage' },
    { long: 'on', value: 'AGENT', help: 'whose cache (default: an agent with the role build)' },
  ],
  examples: ['hostler imagecache', 'hostler imagecache --clear --on mn1'],
};
