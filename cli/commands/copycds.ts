import type { CommandDefinition } from '../command.ts';

export const copycds: CommandDefinition = {
  name: 'copycds',
  summary: 'Copy installation media below /install and define the osimages of their release',
  usage: ['[-n NAME] [-a ARCH] [-p PATH] [-o] [-w] MEDIUM ...', '-i MEDIUM ...'],
  operands: 'ISO files, folders with the content of a medium, or drives, on the management node',
  operandPaths: true,
  changes: true,
  options: [
    {
      long: 'name',
      short: 'n',
      alias: ['osver'],
      value: 'NAME',
      help: 'Call the release so, as in rocky9.4; for media that are not recognised',
    },
    { long: 'arch', short: 'a', value: 'ARCH', complete: ['x86_64', 'aarch64', 'ppc64le'], help: 'Its architecture' },
    { long: 'path', short: 'p', value: 'PATH', path: true, help: 'Copy there instead of /install/OSVER/ARCH' },
    { long: 'inspection', short: 'i', help: 'Only tell what the media are' },
    { long: 'noosimage', short: 'o', help: 'Define no osimages' },
    { long: 'nonoverwrite', short: 'w', help: 'Leave a medium alone that was copied already' },
    // Options by which the original's own parts call one another: taken, and without meaning here.
    { long: 'specific', short: 's', hidden: true, help: 'Without meaning' },
  ],
  examples: ['copycds Rocky-9.4-x86_64-dvd.iso', 'copycds -n centos7.6 -a ppc64le /mnt', 'copycds -i *.iso'],
};
