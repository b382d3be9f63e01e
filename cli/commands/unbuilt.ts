import { unbuilt } from '../../shared/verb/unbuilt.ts';
import type { CommandDefinition } from '../command.ts';

/** Names that are known and not built yet: they check their node range and say so. */
export const unbuiltCommands: readonly CommandDefinition[] = unbuilt.map(({ name, summary, bare, values = '' }) => ({
  name,
  summary: `${summary} (not built yet)`,
  usage: ['NODERANGE [ARGUMENT]...'],
  nodeRange: 'first',
  complete: 'node',
  options: [
    ...Array.from(values, (short) => ({ short, value: 'VALUE', help: 'Accepted' })),
    { short: 'V', help: 'Accepted' },
    { short: 'z', help: 'Accepted' },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? bare : undefined),
}));
