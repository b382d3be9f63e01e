import { objectTypes, tables } from '../../shared/schema/index.ts';
import type { CommandDefinition } from '../command.ts';
import { letters } from '../command.ts';

/** Where words to be offered come from: the manager knows the names, the schema everything else. */
export interface Offers {
  /** Types whose names fit. */
  readonly names: readonly string[];
  /** Words that need nobody. */
  readonly words: readonly string[];
  /** What of the word is typed already and stays in front of every offer: `n1,n2,` of `n1,n2,n`. */
  readonly lead: string;
}

const nobody: Offers = { names: [], words: [], lead: '' };

/** Short names of columns that nodels and nodech take. */
const shortColumns = ['groups', 'mgt', 'tags'];

/**
 * What may stand where somebody types. `kind`: what the definition of the command says is completed there; `before`: the
 * words between the command and the one being typed.
 */
export function offersFor(
  definition: CommandDefinition | undefined,
  kind: string,
  current: string,
  before: readonly string[],
): Offers {
  const type = typeIn(before);
  const [first = '', ...others] = kind.split('+');
  const place = others.length > 0 && hasOperand(definition, before) ? (others[0] ?? '') : first;
  switch (place) {
    case 'none':
      return nobody;
    case 'key':
      return {
        ...nobody,
        words: [...new Set([...tables.values()].flatMap(({ keys }) => keys.map((key) => `${key}=`)))],
      };
    case 'table':
      return { ...nobody, words: [...tables.keys()] };
    case 'column':
      return { ...nobody, words: columns(current) };
    case 'attribute':
      return { ...nobody, words: attributesOf(type), lead: leadOf(current) };
    case 'object':
      return { ...nobody, names: namesOf(type), lead: leadOf(current) };
    case 'assignment':
      return { ...nobody, words: attributesOf(type).map((name) => `${name}=`) };
    case 'definition': {
      const settings = attributesOf(type).map((name) => `${name}=`);
      return { names: namesOf(type), words: current.includes(',') ? [] : settings, lead: leadOf(current) };
    }
    default:
      return { ...nobody, names: namesOf(place), lead: leadOf(current) };
  }
}

/** Wherever a node may stand, a group of nodes may. */
function namesOf(type: string): readonly string[] {
  return type === 'node' ? ['node', 'group'] : [type];
}

function attributesOf(type: string): string[] {
  return [...(objectTypes.get(type)?.byName.keys() ?? [])];
}

/** Tables until one is typed, then its columns. */
function columns(current: string): string[] {
  const [name = '', column] = current.split('.', 2);
  if (column === undefined) return [...shortColumns, ...[...tables.keys()].map((each) => `${each}.`)];
  return (tables.get(name)?.columns ?? []).map((each) => `${name}.${each}`);
}

/** The type that `-t` names; of several the first. */
function typeIn(before: readonly string[]): string {
  for (const [at, word] of before.entries()) {
    const value = word === '-t' ? before[at + 1] : /^-t(.+)$/.exec(word)?.[1];
    if (value !== undefined) return value.split(',')[0] ?? 'node';
  }
  return 'node';
}

/** Whether a word before is neither an option nor the value of one. */
function hasOperand(definition: CommandDefinition | undefined, before: readonly string[]): boolean {
  const withValue = new Set(
    (definition?.options ?? [])
      .filter(({ value }) => value !== undefined)
      .flatMap((option) => [
        ...letters(option).map((letter) => `-${letter}`),
        ...(option.long === undefined ? [] : [`--${option.long}`]),
      ]),
  );
  return before.some((word, at) => !word.startsWith('-') && !withValue.has(before[at - 1] ?? ''));
}

/** Lists go on after a comma; what is taken out of a node range begins with a dash. */
function leadOf(current: string): string {
  const comma = current.lastIndexOf(',');
  const rest = current.slice(comma + 1);
  return current.slice(0, comma + 1) + (comma >= 0 && rest.startsWith('-') ? '-' : '');
}
