import { HostlerError } from '../../../shared/errors/error.ts';
import type { Json } from '../../../shared/verb/effect.ts';

/** Reads a task's specification with its types checked; what is wrong is `invalid_argument` and names the field. */
export class Fields {
  readonly #of: { readonly [key: string]: Json };
  readonly #what: string;

  constructor(value: Json | undefined, what: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(what, 'an object');
    this.#of = value as { readonly [key: string]: Json };
    this.#what = what;
  }

  text(name: string): string {
    const value = this.#of[name];
    if (typeof value !== 'string') throw wrong(`${this.#what}.${name}`, 'a text');
    if (value.includes('\0')) throw wrong(`${this.#what}.${name}`, 'a text without NUL');
    return value;
  }

  texts(name: string): string[] {
    const value = this.#of[name];
    if (!Array.isArray(value)) throw wrong(`${this.#what}.${name}`, 'a list of texts');
    return value.map((word: Json) => {
      if (typeof word !== 'string' || word.includes('\0')) throw wrong(`${this.#what}.${name}`, 'a list of texts');
      return word;
    });
  }

  flag(name: string): boolean {
    const value = this.#of[name];
    if (typeof value !== 'boolean') throw wrong(`${this.#what}.${name}`, 'true or false');
    return value;
  }

  /** Not negative and whole; 0 where it is absent. */
  count(name: string): number {
    const value = this.#of[name] ?? 0;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw wrong(`${this.#what}.${name}`, 'a whole number');
    return value;
  }

  oneOf<const Word extends string>(name: string, words: readonly Word[]): Word {
    const found = words.find((word) => word === this.#of[name]);
    if (found === undefined) throw wrong(`${this.#what}.${name}`, `one of ${words.join(', ')}`);
    return found;
  }

  record(name: string): Record<string, string> {
    const value = new Fields(this.#of[name], `${this.#what}.${name}`);
    return Object.fromEntries(Object.keys(value.#of).map((key) => [key, value.text(key)]));
  }

  inner(name: string): Fields {
    return new Fields(this.#of[name], `${this.#what}.${name}`);
  }
}

function wrong(what: string, wanted: string): HostlerError {
  return new HostlerError('invalid_argument', `The task cannot be done: ${what} must be ${wanted}.`);
}

/** What becomes part of a file name or of one word of a command: letters, digits and a few signs. */
export function plainWord(value: string, what: string): string {
  if (!/^[A-Za-z0-9][\w.+-]{0,200}$/.test(value)) {
    throw new HostlerError(
      'invalid_argument',
      `${what} ${JSON.stringify(value.slice(0, 120))} may hold only letters, digits and . _ + -`,
    );
  }
  return value;
}

/** An absolute path of a file that an attribute names. */
export function absolutePath(value: string, what: string): string {
  if (!value.startsWith('/') || /[\0\n\r]/.test(value)) {
    throw new HostlerError(
      'invalid_argument',
      `${what} ${JSON.stringify(value.slice(0, 200))} must be an absolute path.`,
    );
  }
  return value;
}
