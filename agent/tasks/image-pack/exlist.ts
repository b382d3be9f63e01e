import { dirname, isAbsolute, join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { ListBounds } from '../image-build/list-bounds.ts';

/** What is left out of a packed image, as patterns of find -path on `./path` names. */
export interface Exclusions {
  readonly leaveOut: readonly string[];
  /** `+pattern`: in all the same. */
  readonly takeIn: readonly string[];
}

/** Always left out (facts section 9). */
const always = ['./etc/init.d/statelite', './etc/rc.sysinit.backup', './.statelite*', './.default*', './.statebackup*'];

/**
 * Exclude lists as xCAT reads them: one pattern a line, `#` begins a comment anywhere, `#INCLUDE:file#`, `-` in front
 * means the same as nothing, `+` takes back in. Order has no meaning.
 */
export async function readExlists(
  files: readonly string[],
  read: (path: string) => Promise<string>,
): Promise<Exclusions> {
  const leaveOut = [...always];
  const takeIn: string[] = [];
  const bounds = new ListBounds('exclude list');
  const take = async (file: string, above: readonly string[]): Promise<void> => {
    bounds.enter(file, above);
    const text = await read(file).catch((error: unknown) => {
      if (error instanceof HostlerError) throw error;
      throw new HostlerError('not_found', `The exlist file ${file} cannot be read.`, { cause: error });
    });
    for (const raw of bounds.read(text).split('\n')) {
      bounds.line();
      const included = /^\s*#INCLUDE:\s*(.+?)\s*#\s*$/.exec(raw)?.[1];
      if (included !== undefined) {
        await take(isAbsolute(included) ? included : join(dirname(file), included), [...above, file]);
        continue;
      }
      const line = raw.replace(/#.*$/, '').trim();
      if (line === '') continue;
      if (line.startsWith('+')) takeIn.push(line.slice(1).trim());
      else leaveOut.push(notEverything(line.startsWith('-') ? line.slice(1).trim() : line, file));
    }
  };
  for (const file of files) await take(file, []);
  return { leaveOut, takeIn };
}

/** `/` matches nothing, as find has it, and so would be passed over in silence; who wrote it meant something. */
function notEverything(pattern: string, file: string): string {
  if (!/^\.?\/+\*?$/.test(pattern) || pattern === './*') return pattern;
  throw new HostlerError(
    'invalid_argument',
    `The exclude list ${file} has the line ${pattern}, the whole image: that leaves no /sbin/init in it. ` +
      'Patterns begin with ./ and name what is left out: ./usr/share/doc*.',
  );
}

/** True for paths (`./etc/passwd`) that are not packed. */
export function exclusionTest({ leaveOut, takeIn }: Exclusions): (path: string) => boolean {
  const out = leaveOut.map(compile);
  const back = takeIn.map(compile);
  return (path) => out.some((matches) => matches(path)) && !back.some((matches) => matches(path));
}

type Token =
  | { readonly kind: 'text'; readonly char: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'star' }
  | { readonly kind: 'set'; readonly test: (char: string) => boolean };

/** find -path: `*` and `?` cross `/`, `[...]` sets with ranges and `!`, `\` quotes. Never slow, whatever the pattern. */
export function compile(pattern: string): (path: string) => boolean {
  const tokens = tokensOf(pattern);
  const firstSpecial = tokens.findIndex((token) => token.kind !== 'text');
  const literal = (firstSpecial < 0 ? tokens : tokens.slice(0, firstSpecial))
    .map((token) => (token.kind === 'text' ? token.char : ''))
    .join('');
  if (firstSpecial < 0) return (path) => path === literal;
  if (firstSpecial === tokens.length - 1 && tokens[firstSpecial]?.kind === 'star')
    return (path) => path.startsWith(literal);
  return (path) => path.startsWith(literal) && matches(tokens, Array.from(path));
}

/** Goes back to the last star only: at most pattern length times path length steps. */
function matches(tokens: readonly Token[], text: readonly string[]): boolean {
  let at = 0;
  let token = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    const now = tokens[token];
    if (now?.kind === 'star') {
      star = token;
      starAt = at;
      token += 1;
    } else if (now !== undefined && fits(now, text[at] ?? '')) {
      at += 1;
      token += 1;
    } else if (star >= 0) {
      token = star + 1;
      starAt += 1;
      at = starAt;
    } else return false;
  }
  return tokens.slice(token).every((rest) => rest.kind === 'star');
}

function fits(token: Token, char: string): boolean {
  return (
    token.kind === 'any' || (token.kind === 'text' && token.char === char) || (token.kind === 'set' && token.test(char))
  );
}

function tokensOf(pattern: string): Token[] {
  const chars = Array.from(pattern);
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? '';
    if (char === '*') tokens.push({ kind: 'star' });
    else if (char === '?') tokens.push({ kind: 'any' });
    else if (char === '\\' && at + 1 < chars.length) tokens.push({ kind: 'text', char: chars[(at += 1)] ?? '' });
    else if (char === '[') {
      const end = setEnd(chars, at);
      if (end < 0) tokens.push({ kind: 'text', char });
      else {
        tokens.push({ kind: 'set', test: setTest(chars.slice(at + 1, end)) });
        at = end;
      }
    } else tokens.push({ kind: 'text', char });
  }
  return tokens;
}

/** A `]` right after the beginning (or its `!`) belongs to the set. */
function setEnd(chars: readonly string[], start: number): number {
  const negated = chars[start + 1] === '!' || chars[start + 1] === '^';
  return chars.indexOf(']', start + (negated ? 3 : 2));
}

function setTest(inner: readonly string[]): (char: string) => boolean {
  const negated = inner[0] === '!' || inner[0] === '^';
  const chars = negated ? inner.slice(1) : inner;
  const ranges: (readonly [string, string])[] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const from = chars[at] ?? '';
    const to = chars[at + 1] === '-' && at + 2 < chars.length ? (chars[at + 2] ?? from) : from;
    if (to !== from) at += 2;
    ranges.push([from, to]);
  }
  return (char) => ranges.some(([from, to]) => char >= from && char <= to) !== negated;
}
