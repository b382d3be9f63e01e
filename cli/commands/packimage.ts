import { type CommandDefinition, isBare } from '../command.ts';

export const packimage: CommandDefinition = {
  name: 'packimage',
  summary: 'Pack the root tree of a diskless image into an immutable version that nodes boot',
  usage: ['[-m METHOD] [-c COMPRESSION] [--nosyncfiles] IMAGE'],
  operands: 'the name of an osimage that genimage has built',
  complete: 'osimage',
  changes: true,
  options: [
    {
      short: 'm',
      value: 'METHOD',
      complete: ['squashfs', 'cpio', 'tar'],
      help: 'squashfs (the default; xCAT: cpio), cpio or tar',
    },
    {
      short: 'c',
      value: 'COMPRESSION',
      complete: ['zstd', 'gzip', 'pigz', 'xz', 'lz4'],
      help: 'zstd (the default), gzip (pigz: on all processors), xz or lz4',
    },
    {
      long: 'on',
      value: 'NODE',
      help: 'Pack the tree on the disk of this agent; without it of the one that built it, else of the management node',
    },
    { long: 'nosyncfiles', help: 'Leave out the files of synclists' },
    { short: 'o', value: 'OSVER', help: 'Not used any more: name the osimage' },
    { short: 'a', value: 'ARCH', help: 'Not used any more: name the osimage' },
    { short: 'p', value: 'PROFILE', help: 'Not used any more: name the osimage' },
  ],
  usageWhen: (line) => (isBare(line) ? 0 : undefined),
  examples: ['packimage debian12-x86_64-netboot-compute', 'packimage -m cpio -c xz debian12-x86_64-netboot-compute'],
};
