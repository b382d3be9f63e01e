import { HostlerError } from '../../shared/errors/error.ts';

/** Reads a specification field by field; what is not as it must be throws `invalid_argument`: `<cannot>: <why>.` */
export interface SpecReader {
  readonly object: (value: unknown, what: string) => Readonly<Record<string, unknown>>;
  readonly array: (value: unknown, what: string) => readonly unknown[];
  readonly text: (value: unknown, what: string) => string;
  /** To be thrown. */
  readonly wrong: (why: string) => HostlerError;
}

/** `cannot`: the beginning of the sentence, such as `The files cannot be placed`. */
export function specReader(cannot: string): SpecReader {
  const wrong = (why: string): HostlerError => new HostlerError('invalid_argument', `${cannot}: ${why}.`);
  return {
    wrong,
    object: (value, what) => {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
      throw wrong(`${what} is no object`);
    },
    array: (value, what) => {
      if (Array.isArray(value)) return value as unknown[];
      throw wrong(`${what} is no list`);
    },
    text: (value, what) => {
      if (typeof value === 'string') return value;
      throw wrong(`${what} is no text`);
    },
  };
}
