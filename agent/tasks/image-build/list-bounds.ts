import { HostlerError } from '../../../shared/errors/error.ts';

const mostLines = 100_000;
/** One list may be included many times. */
const mostCharacters = 64 << 20;
const deepestInclude = 20;

/** Bounds that no list of a person comes near, for lists that include others; all throw `invalid_argument`. */
export class ListBounds {
  readonly #what: string;
  #lines = 0;
  #characters = 0;

  /** `what` they are: `package list`. */
  constructor(what: string) {
    this.#what = what;
  }

  /** Before a list is read; `above`: those that include it. */
  enter(file: string, above: readonly string[]): void {
    if (!above.includes(file) && above.length < deepestInclude) return;
    throw wrong(`The ${this.#what} ${file} includes itself, by way of ${above.join(' and ')}.`);
  }

  /** After it was read. */
  read(text: string): string {
    this.#characters += text.length;
    if (this.#characters <= mostCharacters) return text;
    throw wrong(`The ${this.#what}s are longer than ${mostCharacters >> 20} MiB together.`);
  }

  line(): void {
    this.#lines += 1;
    if (this.#lines > mostLines) throw wrong(`The ${this.#what}s have more than ${mostLines} lines.`);
  }
}

function wrong(message: string): HostlerError {
  return new HostlerError('invalid_argument', message);
}
