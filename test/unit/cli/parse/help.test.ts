import { describe, expect, it } from 'vitest';
import type { CommandDefinition } from '../../../../cli/command.ts';
import { findCommand, commandNames } from '../../../../cli/commands/index.ts';
import { subCommands } from '../../../../cli/hostler/index.ts';
import { commonOptions } from '../../../../cli/parse/common.ts';
import { helpText } from '../../../../cli/parse/help.ts';

const all: readonly CommandDefinition[] = [
  ...commandNames()
    .map((name) => findCommand(name))
    .filter((definition) => definition !== undefined),
  ...subCommands(),
];

describe('helpText', () => {
  it('shows usage, options and examples', () => {
    const text = helpText(
      {
        name: 'lsdef',
        summary: 'list definitions',
        usage: ['[-t TYPE] [NAMES]', '-a'],
        options: [{ long: 'type', short: 't', value: 'TYPE', help: 'The type' }],
        examples: ['lsdef -t node n01'],
      },
      'lsdef',
    );
    expect(text).toContain('Usage: lsdef [-t TYPE] [NAMES]\n       lsdef -a\n');
    expect(text).toContain('-t, --type TYPE');
    expect(text).toContain('Examples:\n  lsdef -t node n01');
  });

  it.each(all.map((definition) => [definition.name, definition] as const))(
    'of %s fits a terminal',
    (name, definition) => {
      const lines = helpText(definition, name).split('\n');
      expect(lines.filter((line) => line.length > 110)).toEqual([]);
    },
  );

  it.each(all.map((definition) => [definition.name, definition] as const))(
    '%s defines no option twice',
    (_name, definition) => {
      const names = [...definition.options, ...commonOptions(definition)].flatMap(({ long, alias, short }) => [
        ...(long === undefined ? [] : [long, ...(alias ?? [])].map((word) => `--${word}`)),
        ...(short ?? '').split(''),
      ]);
      expect(names).toEqual([...new Set(names)]);
    },
  );
});
