import type { CommandDefinition } from '../command.ts';

export const nim: CommandDefinition = {
  name: 'nim',
  summary: 'Look at NIM objects, and check and recover the ones that images name',
  usage: ['show [-l] [-t CLASS|TYPE] [NAME...]', 'check [--recover] [NAME...]', 'check --ssl [--recover] NODE...'],
  complete: ['show', 'check'],
  options: [
    { long: 'long', short: 'l', help: 'show: every attribute' },
    { long: 'type', short: 't', value: 'TYPE', help: 'show: only this class or type' },
    { long: 'recover', help: 'check: climb the recovery ladder for what is half-built; nothing is removed' },
    { long: 'ssl', help: 'check: does nimsh of these nodes answer with SSL (after the postscript confignimsh)' },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? 1 : undefined),
};
