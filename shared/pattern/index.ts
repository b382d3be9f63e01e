import { RE2JS } from 're2js';
import { HostlerError } from '../errors/error.ts';
import { isPlain } from './plain.ts';

/**
 * A regular expression that somebody typed. It never costs more than a time proportional to the text: what the engine
 * of the runtime could take exponential time for goes to RE2, which knows neither look-around nor back references.
 */
export interface Pattern {
  readonly source: string;
  /** The expression occurs somewhere in the text. */
  test(text: string): boolean;
  /** The expression is the whole text. */
  matches(text: string): boolean;
  /** The first occurrence: where, and what the groups hold (index 0: all of it). undefined: none. */
  find(text: string): Found | undefined;
}

export interface Found {
  readonly start: number;
  readonly end: number;
  readonly groups: readonly (string | undefined)[];
}

/** Longer expressions are refused: compiling costs more than proportionally. */
const longest = 1000;

/** Texts up to this length may be given to the engine of the runtime. */
const shortText = 256;

const cache = new Map<string, Pattern>();
const cacheSize = 256;

/** @throws HostlerError invalid_argument with the reason when it cannot be read, is too long or needs look-around. */
export function compilePattern(source: string): Pattern {
  const known = cache.get(source);
  if (known !== undefined) return known;
  const made = make(source);
  if (cache.size >= cacheSize) cache.clear();
  cache.set(source, made);
  return made;
}

function make(source: string): Pattern {
  if (source.length > longest) {
    throw new HostlerError(
      'invalid_argument',
      `The regular expression that begins with '${source.slice(0, 40)}' is ${source.length} characters long; at most ${longest} are accepted.`,
    );
  }
  const engine = compile(source);
  const whole = compile(`^(?:${source})$`);
  const plain = isPlain(source);
  const fast = plain ? new RegExp(source) : undefined;
  const fastWhole = plain ? new RegExp(`^(?:${source})$`) : undefined;
  return {
    source,
    test: (text) => (fast !== undefined && text.length <= shortText ? fast.test(text) : engine.test(text)),
    matches: (text) => (fastWhole !== undefined && text.length <= shortText ? fastWhole.test(text) : whole.test(text)),
    find: (text) => {
      const matcher = engine.matcher(text);
      if (!matcher.find()) return undefined;
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, n) => matcher.group(n) ?? undefined);
      return { start: matcher.start(), end: matcher.end(), groups };
    },
  };
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, '') : String(cause);
    throw new HostlerError('invalid_argument', `The regular expression '${source}' cannot be used: ${reason}.`, {
      cause,
    });
  }
}
