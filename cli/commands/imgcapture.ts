import { type CommandDefinition, isBare } from '../command.ts';

export const imgcapture: CommandDefinition = {
  name: 'imgcapture',
  summary: 'Make an image of a machine that was installed and tuned by hand',
  usage: ['NODE [-t sysclone] -o OSIMAGE [-l LOCATION]'],
  operands: 'a node whose agent is connected: the golden client',
  complete: 'node',
  changes: true,
  options: [
    {
      short: 't',
      long: 'type',
      value: 'TYPE',
      complete: ['sysclone', 'diskless'],
      help: 'sysclone (the default): nodes are installed from it. diskless is not built yet',
    },
    { short: 'o', long: 'osimage', value: 'OSIMAGE', help: 'Name of the image; one that is there is captured again' },
    { short: 'l', long: 'location', value: 'FOLDER', help: 'Keep trees in FOLDER/images instead of /install/sysclone' },
  ],
  usageWhen: (line) => (isBare(line) ? 0 : undefined),
  examples: ['imgcapture golden -t sysclone -o golden-image', 'nodeset compute osimage=golden-image'],
};
