import { type CommandDefinition, isBare } from '../command.ts';

export const imgcapture: CommandDefinition = {
  name: 'imgcapture',
  summary: 'Make an image of a machine that was installed and tuned by hand',
  usage: [
    'NODE [-t sysclone] -o OSIMAGE [-l LOCATION]',
    'NODE -t diskless [-p PROFILE] [-o OSIMAGE] [-i NIC] [-r NICS] [-n DRIVERS]',
    'NODE --classic ADDRESS',
  ],
  operands: 'a node whose agent is connected: the golden client',
  complete: 'node',
  changes: true,
  options: [
    {
      short: 't',
      long: 'type',
      value: 'TYPE',
      complete: ['sysclone', 'diskless'],
      help: 'sysclone (the default): nodes are installed from it. diskless: nodes run it in memory',
    },
    { short: 'o', long: 'osimage', value: 'OSIMAGE', help: 'Name of the image; one that is there is captured again' },
    { short: 'l', long: 'location', value: 'FOLDER', help: 'Keep trees in FOLDER/images instead of /install/sysclone' },
    {
      short: 'p',
      long: 'profile',
      value: 'PROFILE',
      help: 'diskless: profile of the image (default: of the node, else compute)',
    },
    { short: 'i', long: 'nodebootif', value: 'NIC', help: 'diskless: card that nodes boot from' },
    { short: 'r', long: 'otherifce', value: 'NICS', help: 'diskless: further cards that ask for an address' },
    {
      short: 'n',
      long: 'netdrivers',
      value: 'DRIVERS',
      help: 'diskless: further drivers of network cards for the initrd',
    },
    {
      long: 'classic',
      value: 'ADDRESS',
      help: "Let SystemImager's own si_getimage on ADDRESS fetch the node, once, by plain rsync: not encrypted",
    },
    { short: 'V', long: 'verbose', help: 'Accepted' },
  ],
  usageWhen: (line) => (isBare(line) ? 0 : undefined),
  examples: [
    'imgcapture golden -t sysclone -o golden-image',
    'nodeset compute osimage=golden-image',
    'imgcapture golden -t diskless -o ram-image',
    'packimage ram-image',
  ],
};
