import type { CommandDefinition } from '../command.ts';

export const genimage: CommandDefinition = {
  name: 'genimage',
  summary: 'Build the root tree, kernel and initrd of a diskless image',
  usage: ['[OPTIONS] IMAGE', '-o OSVER [-a ARCH] -p PROFILE [OPTIONS]'],
  operands: 'the name of an osimage whose provmethod is netboot',
  complete: 'osimage',
  changes: true,
  options: [
    { short: 'o', value: 'OSVER', help: 'Operating system, as in debian12; without an image name' },
    {
      short: 'a',
      value: 'ARCH',
      complete: ['x86_64', 'aarch64', 'ppc64le'],
      help: 'Architecture; without an image name',
    },
    { short: 'p', value: 'PROFILE', help: 'Profile, as in compute; without an image name' },
    {
      short: 'i',
      value: 'INTERFACE',
      help: 'Network card that asks for an address once the image runs; kept in nodebootif',
    },
    {
      short: 'n',
      value: 'DRIVERS',
      help: 'Further drivers for the initrd, with commas, allupdate: all of driver packages; kept in netdrivers',
    },
    { short: 'r', value: 'INTERFACES', help: 'Further network cards that ask for an address; kept in otherifce' },
    { short: 'k', value: 'VERSION', help: 'Kernel version; kept in kernelver' },
    { short: 'g', value: 'VERSION', help: 'Kernel package release; kept in krpmver' },
    { short: 'm', value: 'MODE', help: 'statelite; changes nothing' },
    { short: 'l', value: 'SIZE', help: 'Limit of the writable layer of a node, as 2g or 40%' },
    { short: 't', value: 'SIZE', help: 'Limit of /tmp, as 512m' },
    { long: 'permission', value: 'MODE', help: 'Mode of /.statelite; kept in permission' },
    { long: 'kerneldir', value: 'DIR', help: 'Folder of further kernel packages; kept in kerneldir' },
    { long: 'onlyinitrd', help: 'Make the initrd anew and leave the tree as it is' },
    { long: 'fresh', help: 'Build everything anew, also what did not change; edits in the tree are lost' },
    { long: 'noupdate', help: 'No update of all packages after further ones were installed' },
    { long: 'ignorekernelchk', help: 'Take drivers of driverupdatesrc whatever their kernel' },
    { long: 'interactive', help: 'Changes nothing: a build has no terminal' },
    {
      long: 'on',
      value: 'NODE',
      help: 'Build on this agent; without it on one with the architecture and release, else on one that emulates it',
    },
    { long: 'dryrun', help: 'Print a line that builds the image by hand on any machine with the share folder' },
  ],
  examples: [
    'genimage debian12-x86_64-netboot-compute',
    'genimage --onlyinitrd -n igb,ixgbe debian12-x86_64-netboot-compute',
    'genimage --on arm01 debian12-aarch64-netboot-compute',
  ],
};
