import { HostlerError } from '../errors/error.ts';
import { parseSize } from './size.ts';

/** Reads one object of a JSON document with its types checked. Every complaint names the place. */
export class Reader {
  readonly #of: Readonly<Record<string, unknown>>;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new HostlerError('invalid_argument', `${where} must be an object.`);
    this.#of = value as Readonly<Record<string, unknown>>;
    this.#where = where;
  }

  wrong(field: string, wanted: string): HostlerError {
    return new HostlerError('invalid_argument', `${this.#where}.${field} must be ${wanted}.`);
  }

  /** Undefined where the field is absent. */
  optional<T>(field: string, read: () => T): T | undefined {
    return this.#get(field) === undefined ? undefined : read();
  }

  /** As it is, for whoever checks it elsewhere. */
  value(field: string): unknown {
    return this.#get(field);
  }

  inner(field: string): Reader {
    return new Reader(this.#get(field), `${this.#where}.${field}`);
  }

  text(field: string): string {
    const value = this.#get(field);
    if (typeof value !== 'string') throw this.wrong(field, 'a text');
    return value;
  }

  matching(field: string, pattern: RegExp, wanted: string): string {
    const value = this.text(field);
    if (!pattern.test(value)) throw this.wrong(field, `${wanted}, not ${JSON.stringify(value.slice(0, 100))}`);
    return value;
  }

  oneOf<const Word extends string>(field: string, words: readonly Word[]): Word {
    const found = words.find((word) => word === this.#get(field));
    if (found === undefined) throw this.wrong(field, `one of ${words.join(', ')}`);
    return found;
  }

  number(field: string): number {
    const value = this.#get(field);
    if (typeof value !== 'number') throw this.wrong(field, 'a number');
    return value;
  }

  /** Bytes: a number, or as a person writes it. Absent: 0. */
  size(field: string): number {
    const value = this.#get(field) ?? 0;
    const bytes = typeof value === 'string' ? parseSize(value) : value;
    if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0)
      throw this.wrong(field, 'a size in bytes, or as 512M, 20G');
    return bytes;
  }

  flag(field: string): boolean {
    const value = this.#get(field) ?? false;
    if (typeof value !== 'boolean') throw this.wrong(field, 'true or false');
    return value;
  }

  list(field: string, most: number): Reader[] {
    return this.#array(field, most).map((one, index) => new Reader(one, `${this.#where}.${field}[${index}]`));
  }

  texts(field: string, most: number): string[] {
    return this.#array(field, most).map((one) => {
      if (typeof one !== 'string') throw this.wrong(field, 'a list of texts');
      return one;
    });
  }

  names(field: string, most: number): string[] {
    return this.texts(field, most).map((name) => {
      if (!/^[\w.+-]{1,127}$/.test(name))
        throw this.wrong(field, `a list of names, not ${JSON.stringify(name.slice(0, 100))}`);
      return name;
    });
  }

  /** Absent: empty. */
  record(field: string): Record<string, string> {
    const value = this.#get(field) ?? {};
    const inner = new Reader(value, `${this.#where}.${field}`);
    return Object.fromEntries(Object.keys(inner.#of).map((key) => [key, inner.text(key)]));
  }

  #get(field: string): unknown {
    return Object.hasOwn(this.#of, field) ? this.#of[field] : undefined;
  }

  #array(field: string, most: number): readonly unknown[] {
    const value = this.#get(field) ?? [];
    if (!Array.isArray(value) || value.length > most) throw this.wrong(field, `a list of at most ${most}`);
    return value as readonly unknown[];
  }
}
