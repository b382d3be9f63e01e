import { HostlerError } from '../errors/error.ts';
import type { Atom, Element, Range } from './ast.ts';
import { readCriterion } from './criterion.ts';

/** Parentheses deeper than this are refused. */
const deepest = 100;

/** Longer node ranges are refused; long lists of names belong in a file. */
const longestText = 4 * 1024 * 1024;

/**
 * The grammar (source: facts on noderange(3), checked against recorded answers):
 *
 *     range    := element ( "," element )*  |  element ( "@" element )*     outside of ( ) and [ ]
 *     element  := [ "-" | "@" ] atom
 *     atom     := "(" range ")" | "^" path | column OP value | "/" expression
 *               | text with [ ] | text "+" number | text "-" text | text ":" text | text
 *
 * An element of a comma list that holds an `@` is a range of its own. Quotes are dropped. Empty elements say nothing.
 * @throws HostlerError invalid_argument when parentheses do not match or nest too deeply.
 */
export function parseNoderange(text: string): Range {
  if (text.length > longestText) {
    throw new HostlerError(
      'invalid_argument',
      `The node range is ${text.length} characters long; at most ${longestText} are accepted. Put the names into a file and use ^file.`,
    );
  }
  return parseRange(text.replace(/["']/g, '').trim(), 0);
}

function parseRange(text: string, depth: number): Range {
  if (depth > deepest) {
    throw new HostlerError(
      'invalid_argument',
      `The node range nests more than ${deepest} parentheses; write it flatter.`,
    );
  }
  const commaParts = splitOutside(text, ',');
  const elements: Element[] = [];
  if (commaParts.length > 1) {
    for (const part of commaParts) {
      const element = parseElement(part, depth);
      if (element !== undefined) elements.push(element);
    }
    return { elements };
  }
  splitOutside(text, '@').forEach((part, position) => {
    const element = parseElement(part, depth);
    if (element === undefined) return;
    elements.push(position > 0 && element.join === 'add' ? { join: 'keep', atom: element.atom } : element);
  });
  return { elements };
}

function parseElement(text: string, depth: number): Element | undefined {
  if (text.startsWith('-') && text.length > 1) return { join: 'drop', atom: parseAtom(text.slice(1), depth) };
  if (text.startsWith('@') && text.length > 1) return { join: 'keep', atom: parseAtom(text.slice(1), depth) };
  return text === '' || text === '-' || text === '@' ? undefined : { join: 'add', atom: parseAtom(text, depth) };
}

/** One atom; `depth` counts the parentheses around it. */
export function parseAtom(text: string, depth = 0): Atom {
  if (text.startsWith('^')) return { kind: 'file', path: text.slice(1) };
  if (text.startsWith('(') && text.endsWith(')') && isBalanced(text.slice(1, -1))) {
    return { kind: 'nested', range: parseRange(text.slice(1, -1), depth + 1) };
  }
  if (splitOutside(text, '@').length > 1) return { kind: 'nested', range: parseRange(text, depth + 1) };
  const criterion = readCriterion(text);
  if (criterion !== undefined) return { kind: 'criterion', text, ...criterion };
  if (text.startsWith('/')) return { kind: 'pattern', text, source: text.slice(1) };
  if (/\[[^[\]]*\]/.test(text)) return { kind: 'brackets', text };
  const plus = /^(.*\d.*)\+(\d+)$/s.exec(text);
  if (plus?.[1] !== undefined && plus[2] !== undefined) return { kind: 'plus', text, start: plus[1], count: plus[2] };
  const halves = splitMiddle(text, ':') ?? splitMiddle(text, '-');
  if (halves !== undefined) return { kind: 'span', text, left: halves[0], right: halves[1] };
  return { kind: 'name', text };
}

/** `a-1-a-9` is cut at the hyphen in the middle; an even number of hyphens has no middle. */
function splitMiddle(text: string, separator: string): readonly [string, string] | undefined {
  const parts = text.split(separator);
  if (parts.length < 2 || parts.length % 2 !== 0) return undefined;
  const half = parts.length / 2;
  return [parts.slice(0, half).join(separator), parts.slice(half).join(separator)];
}

/** Cuts at the separator where it stands outside of parentheses and of brackets that are closed again. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let begin = 0;
  const depth = scan(text, (at) => {
    if (text[at] !== separator) return;
    parts.push(text.slice(begin, at));
    begin = at + 1;
  });
  if (depth !== 0) throw unbalanced(text);
  parts.push(text.slice(begin));
  return parts;
}

function isBalanced(text: string): boolean {
  return scan(text, () => undefined) === 0;
}

/** Visits what is outside of parentheses and brackets. How many parentheses stay open; -1: one closes too many. */
function scan(text: string, visit: (at: number) => void): number {
  let depth = 0;
  let bracketEnd = -1;
  let canClose = true;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '[' && at > bracketEnd && canClose) {
      bracketEnd = text.indexOf(']', at);
      canClose = bracketEnd !== -1;
    }
    if (at <= bracketEnd) continue;
    if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    if (depth < 0) return -1;
    if (depth === 0) visit(at);
  }
  return depth;
}

function unbalanced(text: string): HostlerError {
  const shown = text.length > 60 ? `${text.slice(0, 60)}...` : text;
  return new HostlerError('invalid_argument', `The parentheses in the node range '${shown}' do not match.`);
}
