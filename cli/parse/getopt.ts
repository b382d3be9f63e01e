import { type CommandDefinition, type CommandLine, type OptionDefinition, canonicalName } from '../command.ts';
import { commonOptions } from './common.ts';

/** What was wrong with a command line, in Getopt::Long's words, one line each. */
export class CommandLineError extends Error {
  override readonly name = 'CommandLineError';
  readonly complaints: readonly string[];

  constructor(complaints: readonly string[]) {
    super(complaints.join('\n'));
    this.complaints = complaints;
  }
}

/**
 * Takes a command line apart by the rules of Perl's Getopt::Long with bundling: options and operands mixed, `-Vl`,
 * `-ovalue`, `--name=value`, `--name value`, long names abbreviated while unambiguous, `--` ends the options, case
 * matters. A value that is required takes whatever comes next, even when it begins with a dash.
 * Throws CommandLineError with every complaint.
 */
export function parseCommandLine(definition: CommandDefinition, argv: readonly string[]): CommandLine {
  const own = definition.options;
  const common = commonOptions(definition);
  const options: Record<string, string[]> = {};
  const operands: string[] = [];
  const complaints: string[] = [];
  const rest = [...argv];

  /** `inline`: the value that stood in the same argument. `shown`: the name as typed. */
  const take = (option: OptionDefinition, shown: string, inline: string | undefined): void => {
    const value = inline ?? nextValue(option, rest);
    if (value === undefined) complaints.push(`Option ${shown} requires an argument`);
    else (options[canonicalName(option)] ??= []).push(value);
  };

  const long = (argument: string): void => {
    const equals = argument.indexOf('=');
    const typed = equals < 0 ? argument.slice(2) : argument.slice(2, equals);
    const inline = equals < 0 ? undefined : argument.slice(equals + 1);
    const found = findLong(own, typed) ?? findLong(common, typed);
    if (found === undefined) complaints.push(`Unknown option: ${typed}`);
    else if (Array.isArray(found)) complaints.push(`Option ${typed} is ambiguous (${found.join(', ')})`);
    else if (found.value === undefined && inline !== undefined)
      complaints.push(`Option ${typed} does not take an argument`);
    else if (found.value !== undefined && found.optionalValue !== true && inline === '')
      complaints.push(`Option ${typed} requires an argument`);
    else take(found, typed, found.value === undefined ? '' : inline);
  };

  const letters = (argument: string): void => {
    for (let cluster = argument.slice(1); cluster !== '';) {
      const letter = cluster.charAt(0);
      cluster = cluster.slice(1);
      const option = findLetter(own, letter) ?? findLetter(common, letter);
      if (option === undefined) {
        complaints.push(`Unknown option: ${letter}`);
      } else if (option.value === undefined) {
        take(option, letter, '');
      } else {
        take(option, letter, cluster === '' ? undefined : cluster);
        return;
      }
    }
  };

  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === '--') {
      operands.push(...rest);
      break;
    }
    if (argument.startsWith('--')) long(argument);
    else if (argument.startsWith('-') && argument !== '-') letters(argument);
    else operands.push(argument);
  }
  if (complaints.length > 0) throw new CommandLineError(complaints);
  return { options, operands };
}

function nextValue(option: OptionDefinition, rest: string[]): string | undefined {
  if (option.optionalValue !== true) return rest.shift();
  const next = rest[0];
  return next === undefined || (next.startsWith('-') && next !== '-') ? '' : rest.shift();
}

function findLetter(options: readonly OptionDefinition[], letter: string): OptionDefinition | undefined {
  return options.find((option) => option.short?.includes(letter) === true);
}

/** The option; the names that the abbreviation may mean; or nothing. An exact name wins over abbreviations. */
function findLong(options: readonly OptionDefinition[], typed: string): OptionDefinition | string[] | undefined {
  if (typed === '') return undefined;
  const meant = new Map<string, OptionDefinition>();
  for (const option of options) {
    for (const name of longNames(option)) {
      if (name === typed) return option;
      if (name.startsWith(typed)) meant.set(name, option);
    }
  }
  const distinct = new Set(meant.values());
  if (distinct.size > 1) return [...meant.keys()];
  return [...distinct][0];
}

function longNames(option: OptionDefinition): readonly string[] {
  return option.long === undefined ? [] : [option.long, ...(option.alias ?? [])];
}
