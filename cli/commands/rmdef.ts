import { type CommandDefinition, isBare } from '../command.ts';
import { definitionOptions } from './definition-options.ts';

export const rmdef: CommandDefinition = {
  name: 'rmdef',
  summary: 'Remove definitions',
  usage: ['[-t TYPE] {-o NAMES | NODERANGE} [-C]', '-a -f'],
  operands: 'A node range, or with another type a list of names.',
  nodeRange: 'first',
  complete: 'object',
  changes: true,
  options: definitionOptions({
    type: 'Type of the objects; node unless given',
    objects: 'Names of the objects; for nodes a node range',
    all: 'Every definition there is; needs -f',
    force: 'With -a: yes, everything',
    cleanup: 'Nodes: take away what was prepared for their boot, too',
    verbose: 'Name what was removed',
    strict: 'All or nothing: when an object is not there, none is removed',
    help: 'Show this text; with -t, the attributes of the type and what they mean',
  }),
  usageWhen: (line) => (isBare(line) || ('help' in line.options && !('t' in line.options)) ? 0 : undefined),
  examples: ['rmdef node01-node05', 'rmdef -t osimage -o img1'],
};
