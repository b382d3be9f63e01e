import { free, NimError } from './messages.ts';
import { baseName } from './types.ts';

export interface NimCall {
  readonly op: string;
  readonly force: boolean;
  readonly type: string | undefined;
  /** In the order given; script, installp_bundle, add_member and the like may stand more than once. */
  readonly attrs: readonly (readonly [name: string, value: string])[];
  readonly objects: readonly string[];
}

const repeatable = [
  'script',
  'installp_bundle',
  'add_member',
  'rm_member',
  'filesets',
  'fixes',
  'include',
  'exclude',
  'packages',
];

/** `nim {-o OP} [-F] [-t TYPE] [-a ATTR=VALUE ...] {NAME ...}`; letters may be bundled (`-Fo`). */
export function parseNim(argv: readonly string[]): NimCall {
  let op = '';
  let type: string | undefined;
  let force = false;
  const attrs: (readonly [string, string])[] = [];
  const objects: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (!word.startsWith('-') || word === '-') {
      objects.push(word);
      continue;
    }
    for (let letter = 1; letter < word.length; letter++) {
      const option = word[letter];
      if (option === 'F') force = true;
      else if (option === 'o' || option === 't' || option === 'a') {
        const value = letter + 1 < word.length ? word.slice(letter + 1) : argv[++at];
        if (value === undefined) throw usage(`option -${option} needs a value`);
        if (option === 'o') op = value;
        else if (option === 't') type = value;
        else attrs.push(attribute(value));
        break;
      } else throw usage(`"-${option ?? ''}" is not a valid option`);
    }
  }
  if (op === '') throw usage('an operation is required');
  if (objects.length === 0) throw usage('an object name is required');
  const seen = new Set<string>();
  for (const [name] of attrs) {
    if (seen.has(name) && !repeatable.includes(name))
      throw new NimError(free.badAttribute, 'nim', `the "${name}" attribute was given more than once`);
    seen.add(name);
  }
  return { op, type, force, attrs, objects };
}

export function one(call: NimCall, name: string): string | undefined {
  return call.attrs.find(([key]) => key === name)?.[1];
}

export function all(call: NimCall, name: string): string[] {
  return call.attrs.filter(([key]) => key === name).map(([, value]) => value);
}

/** 7 and 8: attributes that are missing or that nobody knows. Method names stand in the text as NIM prints them. */
export function check(call: NimCall, method: string, required: readonly string[], optional: readonly string[]): void {
  for (const [name] of call.attrs) {
    const base = baseName(name);
    if (!required.includes(base) && !optional.includes(base))
      throw new NimError(free.badAttribute, method, `"${name}" is not a valid attribute for this operation`);
  }
  for (const name of required) {
    if (!call.attrs.some(([key, value]) => baseName(key) === name && value !== ''))
      throw new NimError('0042-021', method, `the "${name}" attribute is required for this operation`);
  }
}

function attribute(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new NimError(free.badAttribute, 'nim', `"${text}" is not of the form attribute=value`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function usage(text: string): NimError {
  return new NimError(free.usage, 'nim', text, { bare: true, exit: 2 });
}
