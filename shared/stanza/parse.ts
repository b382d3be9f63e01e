import { HostlerError } from '../errors/error.ts';

/** One object of a stanza file; several stanzas of one name are one object, later values override. */
export interface Stanza {
  readonly name: string;
  /** Line of its first header. */
  readonly line: number;
  /** Without `objtype`, in the order of their first appearance. Defaults of the type come in where `objtype` stands. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly objtype: string | undefined;
}

export interface StanzaFile {
  readonly stanzas: readonly Stanza[];
  /** The name of every header in order, repeated names repeated. */
  readonly headers: readonly string[];
  /** Lines that are neither header nor attribute: they and what follows up to the next header do not count. */
  readonly ignored: readonly { readonly line: number; readonly text: string }[];
}

/** Longer lines are refused, so that a file without line ends cannot fill the memory. */
const longestLine = 1_000_000;

interface Growing {
  readonly name: string;
  readonly line: number;
  readonly attributes: Map<string, string>;
  objtype: string | undefined;
}

/**
 * Reads a stanza file piece by piece. Rules as in xCAT (facts on objects, section 15): `name:` begins a stanza,
 * `attribute=value` belongs to it, one pair of double quotes around a value falls away, `default-<type>:` gives values
 * to the objects of that type that follow.
 */
export class StanzaReader {
  private readonly objects = new Map<string, Growing>();
  private readonly headers: string[] = [];
  private readonly ignored: { line: number; text: string }[] = [];
  private readonly defaults = new Map<string, Map<string, string>>();
  /** What attribute lines belong to now; undefined: they are lost until the next header. */
  private current: Growing | Map<string, string> | undefined;
  private rest = '';
  private line = 0;

  /** @throws HostlerError invalid_argument with the line number when a line is too long. */
  push(chunk: string): void {
    let start = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', start)) {
      this.take(this.rest + chunk.slice(start, end));
      this.rest = '';
      start = end + 1;
    }
    this.rest += chunk.slice(start);
    this.check(this.rest);
  }

  finish(): StanzaFile {
    if (this.rest !== '') this.take(this.rest);
    this.rest = '';
    return { stanzas: [...this.objects.values()], headers: this.headers, ignored: this.ignored };
  }

  private check(text: string): void {
    if (text.length <= longestLine) return;
    throw new HostlerError(
      'invalid_argument',
      `Line ${this.line + 1} of the stanza file is longer than ${longestLine} characters; no line of a stanza file is. Is it a stanza file?`,
    );
  }

  private take(raw: string): void {
    this.check(raw);
    this.line += 1;
    const text = raw.trim();
    if (text === '' || text.startsWith('#')) return;
    const equals = text.indexOf('=');
    if (equals < 0 && text.endsWith(':')) this.header(text.slice(0, -1).trim());
    else if (equals < 0 || this.current === undefined) this.ignore(text);
    else this.attribute(this.current, text.slice(0, equals).trim(), unquoted(text.slice(equals + 1)));
  }

  private header(name: string): void {
    const type = /^default-([^-]+)$/.exec(name)?.[1];
    if (type !== undefined) {
      this.current = this.defaults.get(type) ?? new Map<string, string>();
      this.defaults.set(type, this.current);
      return;
    }
    this.headers.push(name);
    const known = this.objects.get(name) ?? { name, line: this.line, attributes: new Map(), objtype: undefined };
    this.objects.set(name, known);
    this.current = known;
  }

  private attribute(target: Growing | Map<string, string>, name: string, value: string): void {
    if (target instanceof Map) {
      target.set(name, value);
    } else if (name === 'objtype') {
      target.objtype = value;
      for (const [attribute, given] of this.defaults.get(value) ?? []) target.attributes.set(attribute, given);
    } else {
      target.attributes.set(name, value);
    }
  }

  private ignore(text: string): void {
    this.ignored.push({ line: this.line, text });
    this.current = undefined;
  }
}

/** A whole file at once. */
export function parseStanzas(text: string): StanzaFile {
  const reader = new StanzaReader();
  reader.push(text);
  return reader.finish();
}

/** One pair of double quotes falls away, with the blanks inside of them. */
function unquoted(value: string): string {
  return value.trim().replace(/^"\s*/, '').replace(/\s*"$/, '');
}
