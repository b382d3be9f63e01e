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

/**
 * Bounds in characters: beyond them a file is refused, so that none can fill the memory. What makes sense is far below: a
 * value may have 65,536 characters, and half a million nodes are a file of 150 million.
 */
export const stanzaLimits = { line: 1_000_000, object: 4_000_000, file: 250_000_000 } as const;

interface Growing {
  readonly name: string;
  readonly line: number;
  readonly attributes: Map<string, string>;
  objtype: string | undefined;
  /** Characters of all its lines. */
  size: number;
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
  private size = 0;

  /** @throws HostlerError invalid_argument with the line number when a line, an object or the file is too long. */
  push(chunk: string): void {
    this.size += chunk.length;
    if (this.size > stanzaLimits.file) {
      throw tooLong(`The stanza file is longer than ${stanzaLimits.file} characters; split it.`);
    }
    let start = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', start)) {
      this.take(this.rest + chunk.slice(start, end));
      this.rest = '';
      start = end + 1;
    }
    this.rest += chunk.slice(start);
    if (this.rest.length > stanzaLimits.line) this.refuseLine(this.line + 1);
  }

  finish(): StanzaFile {
    if (this.rest !== '') this.take(this.rest);
    this.rest = '';
    return { stanzas: [...this.objects.values()], headers: this.headers, ignored: this.ignored };
  }

  private refuseLine(line: number): never {
    throw tooLong(
      `Line ${line} of the stanza file is longer than ${stanzaLimits.line} characters; no line of a stanza file is. Is it a stanza file?`,
    );
  }

  private take(raw: string): void {
    this.line += 1;
    if (raw.length > stanzaLimits.line) this.refuseLine(this.line);
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
    const known = this.objects.get(name) ?? {
      name,
      line: this.line,
      attributes: new Map(),
      objtype: undefined,
      size: 0,
    };
    this.objects.set(name, known);
    this.current = known;
  }

  private attribute(target: Growing | Map<string, string>, name: string, value: string): void {
    if (target instanceof Map) {
      target.set(name, value);
      return;
    }
    target.size += name.length + value.length;
    if (target.size > stanzaLimits.object) {
      throw tooLong(
        `The object '${target.name.slice(0, 80)}' in line ${target.line} of the stanza file has more than ${stanzaLimits.object} characters.`,
      );
    }
    if (name === 'objtype') {
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

function tooLong(message: string): HostlerError {
  return new HostlerError('invalid_argument', message);
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
