import type { CommandDefinition } from '../command.ts';

export const mknimimage: CommandDefinition = {
  name: 'mknimimage',
  summary: 'Create NIM resources and the osimage definition of an AIX image',
  usage: [
    '[-V] [-f] [-r] [-D] [-c] [-l DIR] [-s SOURCE] [-i IMAGE] [-p] [-t TYPE] [-m METHOD] [-n NODE] [-b FILE] IMAGE [ATTR=VALUE...]',
    '[-V] -u IMAGE [ATTR=VALUE...]',
  ],
  operands: 'an image name, and NIM resources or attributes as ATTR=VALUE',
  complete: 'osimage',
  changes: true,
  options: [
    { long: 'verbose', short: 'V', help: 'Show the NIM commands' },
    { long: 'force', short: 'f', help: 'Replace an existing definition; NIM resources are kept and used' },
    { short: 'r', help: 'Make a shared_root (stateless) instead of a root resource' },
    { short: 'D', help: 'Make a dump resource too' },
    { short: 'c', help: 'Complete an existing definition' },
    { short: 'l', value: 'DIR', help: 'Folder for new resources; default INSTALLDIR/nim' },
    { short: 's', value: 'SOURCE', help: 'Folder, device, or the name of an lpp_source' },
    { short: 'i', value: 'IMAGE', complete: 'osimage', help: 'Copy the SPOT of this diskless or dataless image' },
    { short: 'p', help: 'With -i: copy its lpp_source too' },
    { short: 't', value: 'TYPE', help: 'standalone (default), diskless or dataless' },
    { short: 'm', value: 'METHOD', help: 'rte (default) or mksysb' },
    { short: 'n', value: 'NODE', help: 'Make the mksysb from this running node' },
    { short: 'b', value: 'FILE', help: 'Use this mksysb file' },
    { short: 'u', help: 'Update the SPOT of the image' },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? 1 : undefined),
};
