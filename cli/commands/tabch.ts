import type { CommandDefinition } from '../command.ts';
import { chtab } from './chtab.ts';

/** The same as chtab: here both go through the policy. */
export const tabch: CommandDefinition = {
  ...chtab,
  name: 'tabch',
  examples: ['tabch key=system passwd.username=root'],
};
