import type { CommandDefinition } from '../command.ts';
import { definitionOptions } from './definition-options.ts';

export const lsdef: CommandDefinition = {
  name: 'lsdef',
  summary: 'List definitions',
  usage: [
    '[-t TYPES] [-o NAMES | NODERANGE] [-l | -s] [-i ATTRIBUTES [-c]] [-w ATTR==VALUE]... [-z] [-S]',
    '[NODERANGE] [--nics | --osimage]',
    '-a [-l] [-z]',
    '[-t TYPE] --template [NAMES]',
    '-t TYPE -h [-i ATTRIBUTES]',
  ],
  operands: 'A node range, or with another type a list of names.',
  nodeRange: 'first',
  complete: 'object',
  options: definitionOptions({
    type: 'Types of the objects, separated by commas; node unless given',
    objects: 'Names of the objects; for nodes a node range',
    all: 'Objects of all types',
    long: 'All attributes',
    short: 'Names only',
    attributes: 'These attributes only, separated by commas; nicips.eth0 is one interface of nicips',
    compress: 'With -i: one line an attribute, each with the name in front',
    where: 'Only objects that fit: ==, !=, =~ or !~; several must all hold',
    stanza: 'As stanzas, which mkdef -z and chdef -z read',
    hidden: 'Hidden nodes too',
    nics: 'The attributes of network interfaces only',
    osimage: "Also the attributes of the node's osimage",
    template: 'What mkdef --template starts from',
    verbose: 'Say in which table each value is kept',
    help: 'Show this text; with -t, the attributes of the type and what they mean',
  }),
  usageWhen: (line) => ('help' in line.options && !('t' in line.options) ? 0 : undefined),
  examples: ['lsdef', 'lsdef node01', 'lsdef compute -i mgt,bmc -c', 'lsdef -t osimage -l', 'lsdef -w mgt==ipmi -s'],
};
