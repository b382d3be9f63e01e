import { type CommandDefinition, isBare } from '../command.ts';
import { definitionOptions } from './definition-options.ts';

export const mkdef: CommandDefinition = {
  name: 'mkdef',
  summary: 'Create definitions',
  usage: [
    '[-t TYPE] [-o NAMES | NODERANGE] [-f] [--template NAME] [ATTR=VALUE]...',
    '-t group -o NAMES [-d] [-w ATTR==VALUE]... [ATTR=VALUE]...',
    '-t osimage -u NAME profile=PROFILE provmethod=METHOD [ATTR=VALUE]...',
    '-z [-f] < FILE',
  ],
  operands:
    'A node range or names, and attributes with their values. Nodes need groups=. The type is node unless -t says otherwise.',
  nodeRange: 'first',
  complete: 'assignment',
  changes: true,
  options: definitionOptions({
    type: 'Type of the objects',
    objects: 'Names of the objects; for nodes a node range',
    stanzaInput: 'Read the definitions from standard input, as stanzas',
    force: 'Replace definitions that are there already',
    dynamic: 'The group is dynamic: whoever meets the conditions of -w is a member',
    where: 'Condition on attributes of nodes: ==, !=, =~ or !~; several must all hold',
    template: 'Start from a shipped template or from an existing object',
    fill: 'osimage: fill in what follows from profile, provmethod, osvers and osarch, with the lists and templates that an agent finds',
    verbose: 'Tell more',
    strict: 'All or nothing: when an object is refused, none is created',
    help: 'Show this text; with -t, the attributes of the type and what they mean',
  }),
  usageWhen: (line) => (isBare(line) || ('help' in line.options && !('t' in line.options)) ? 0 : undefined),
  examples: [
    'mkdef -t node -o node01-node20 groups=all,compute mgt=ipmi',
    'mkdef -t group -o ipmi -d -w mgt==ipmi',
    'lsdef -t osimage -z img1 | sed "s/^[^ ]\\+:/img2:/" | mkdef -z',
  ],
};
