import type { CommandDefinition } from '../command.ts';
import { commandNames, findCommand } from '../commands/index.ts';
import { table } from '../show/format.ts';
import { subCommands } from './index.ts';

/** What `hostler --help` prints. */
export function overviewText(): string {
  const verbs = commandNames()
    .map(findCommand)
    .filter((definition) => definition !== undefined);
  return [
    'hostler - looks after hosts: images, nodes and what each of them runs\n',
    'Usage: hostler COMMAND ...   or, under its own name, COMMAND ...\n',
    'Definitions, images and nodes:',
    rows(verbs),
    'Jobs, agents and the manager (hostler ...):',
    rows(subCommands()),
    "'hostler help COMMAND' and 'COMMAND --help' tell more. HOSTLER_HOME names the home of the manager to ask,",
    'HOSTLER_MANAGER (HOST:PORT) one on another machine.\n',
  ].join('\n');
}

function rows(definitions: readonly CommandDefinition[]): string {
  return table(definitions.map(({ name, summary }) => [`  ${name}`, summary]));
}
