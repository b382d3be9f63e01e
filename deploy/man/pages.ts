import type { CommandDefinition } from '../../cli/command.ts';
import { commandNames, findCommand, linkNames } from '../../cli/commands/index.ts';
import { subCommands } from '../../cli/hostler/index.ts';
import { commonOptions } from '../../cli/parse/common.ts';
import { optionNames } from '../../cli/parse/help.ts';
import { type Attribute, type ObjectType, objectTypes, tables } from '../../shared/schema/index.ts';
import { unbuilt } from '../../shared/verb/unbuilt.ts';
import { escaped, literal, type Page, page, terms } from './roff.ts';

/**
 * All manual pages: one for each command (section 1; what is only `hostler NAME` is hostler-NAME), one for each type of
 * object (hostler-TYPE, section 7), one for the tables (section 5), and hostler itself.
 */
export function manPages(version: string): Page[] {
  const waiting = new Set(unbuilt.map(({ name }) => name));
  const own = new Set(linkNames());
  const verbs = commandNames()
    .filter((name) => !waiting.has(name))
    .map(findCommand)
    .filter((definition) => definition !== undefined);
  const pages = verbs.map((definition) => commandPage(definition, own.has(definition.name), version));
  const subs = subCommands().map((definition) => commandPage(definition, false, version));
  const types = [...objectTypes.values()].map((type) => typePage(type, version));
  return [overview([...verbs, ...subCommands()], own, version), ...pages, ...subs, ...types, tablesPage(version)];
}

function titleOf(name: string, isLink: boolean): string {
  return isLink ? name : `hostler-${name}`;
}

function overview(definitions: readonly CommandDefinition[], own: ReadonlySet<string>, version: string): Page {
  const rows = definitions.map(({ name, summary }) => [titleOf(name, own.has(name)), summary] as const);
  return page('hostler', 1, 'looks after hosts: images, nodes and what each of them runs', version, [
    ['SYNOPSIS', literal(['hostler COMMAND ...', 'COMMAND ...'])],
    ['COMMANDS', terms(rows)],
    [
      'ENVIRONMENT',
      terms([
        ['HOSTLER_HOME', 'The home of the manager to ask'],
        ['HOSTLER_MANAGER', 'HOST:PORT of a manager on another machine'],
        ['NO_COLOR', 'Set: no colours'],
      ]),
    ],
    ['SEE ALSO', seeAlso([...objectTypes.keys()].map((name) => `hostler-${name}`))],
  ]);
}

function commandPage(definition: CommandDefinition, isLink: boolean, version: string): Page {
  const { name, summary, usage, operands = '', examples = [] } = definition;
  const called = isLink ? name : `hostler ${name}`;
  const options = [...definition.options, ...commonOptions(definition)].filter(({ hidden }) => hidden !== true);
  const forms = usage.length === 0 ? [''] : usage;
  return page(titleOf(name, isLink), 1, summary, version, [
    ['SYNOPSIS', literal(forms.map((form) => `${called} ${form}`.trimEnd()))],
    ['DESCRIPTION', operands === '' ? '' : escaped(operands)],
    ['OPTIONS', terms(options.map((option) => [optionNames(option), option.help]))],
    ['EXAMPLES', literal(examples)],
    ['SEE ALSO', '\\fBhostler\\fR(1)'],
  ]);
}

function typePage(type: ObjectType, version: string): Page {
  const rows = type.attributes.map((attribute) => [attribute.name, meaningOf(attribute)] as const);
  return page(`hostler-${type.name}`, 7, `attributes of objects of type ${type.name}`, version, [
    ['DESCRIPTION', `The name of such an object is its attribute \\fB${escaped(type.key)}\\fR.`],
    ['ATTRIBUTES', terms(rows)],
    ['SEE ALSO', '\\fBmkdef\\fR(1), \\fBlsdef\\fR(1), \\fBchdef\\fR(1), \\fBhostler-tables\\fR(5)'],
  ]);
}

function meaningOf({ meaning, column, when, secret }: Attribute): string {
  const only = when === undefined ? '' : ` Only where ${when.attribute} is ${when.value}.`;
  return `${meaning}. (${column})${only}${secret ? ' Never shown in history and plans.' : ''}`;
}

function tablesPage(version: string): Page {
  const rows = [...tables.values()].map(
    ({ name, columns, keys }) => [name, `${columns.join(', ')}. Rows are told apart by ${keys.join(', ')}.`] as const,
  );
  return page('hostler-tables', 5, 'tables and their columns, as tabdump shows them', version, [
    ['TABLES', terms(rows)],
    ['SEE ALSO', '\\fBtabdump\\fR(1), \\fBchtab\\fR(1), \\fBtabrestore\\fR(1), \\fBdumpxCATdb\\fR(1)'],
  ]);
}

function seeAlso(names: readonly string[]): string {
  return names.map((name) => `\\fB${escaped(name)}\\fR(7)`).join(', ');
}
