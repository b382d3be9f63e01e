import type { CommandDefinition } from '../command.ts';

/** Every xCAT command name that we have, each its own link in dist/bin. In the order of the help text. */
const definitions: readonly CommandDefinition[] = [];

const byName = new Map(definitions.map((definition) => [definition.name, definition]));

export function commandNames(): readonly string[] {
  return [...byName.keys()];
}

export function findCommand(name: string): CommandDefinition | undefined {
  return byName.get(name);
}
