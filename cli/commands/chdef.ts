import { type CommandDefinition, isBare } from '../command.ts';
import { definitionOptions } from './definition-options.ts';

export const chdef: CommandDefinition = {
  name: 'chdef',
  summary: 'Change definitions',
  usage: [
    '[-t TYPE] [-o NAMES | NODERANGE] [-p | -m] ATTR=VALUE...',
    '-t group -o NAMES [-d] [-p | -m] [-w ATTR==VALUE]... [ATTR=VALUE]...',
    '[-t TYPE] -o NAME -n NEWNAME',
    '-t osimage -u NAME [ATTR=VALUE]...',
    '-z [-p | -m] < FILE',
  ],
  operands: 'A node range or names, and attributes with their values; ATTR= clears. What is not there is created.',
  nodeRange: 'first',
  complete: 'definition',
  changes: true,
  options: definitionOptions({
    type: 'Type of the objects',
    objects: 'Names of the objects; for nodes a node range',
    plus: 'Add to lists instead of replacing them',
    minus: 'Take away from lists',
    newName: 'Give the one object another name',
    stanzaInput: 'Read the changes from standard input, as stanzas',
    dynamic: 'The group is dynamic: whoever meets the conditions of -w is a member',
    where: 'Condition on attributes of nodes: ==, !=, =~ or !~; several must all hold',
    fill: 'osimage: fill in again what follows from profile, provmethod, osvers and osarch, with the lists that an agent finds',
    verbose: 'Tell more',
    strict: 'All or nothing: when an object is refused, none is changed',
    help: 'Show this text; with -t, the attributes of the type and what they mean',
  }),
  usageWhen: (line) => (isBare(line) || ('help' in line.options && !('t' in line.options)) ? 0 : undefined),
  examples: [
    'chdef node01 mgt=openbmc bmc=10.0.1.1',
    'chdef compute -p postscripts=setupntp',
    'chdef -t group -o rack1 -p members=node05',
    'chdef -t site clustersite domain=example.org',
  ],
};
