import { HostlerError } from '../errors/error.ts';
import { compilePattern, type Found } from '../pattern/index.ts';
import { evaluateArithmetic } from './arithmetic.ts';

/**
 * What a value means for one node. A plain value means itself; `/regex/replacement/` and `|regex|replacement|` are
 * substitutions in the node's name, and in the second form what stands in parentheses in the replacement is integer
 * arithmetic over the captures; `|replacement|` makes the expression from the numbers in the name. The empty string:
 * no value. Where the expression does not fit, the result is the node's name, as in xCAT.
 * Source: facts on objects, section 4; regular expressions are those of RE2.
 */
export function valueForNode(value: string, node: string): string {
  const first = value.charCodeAt(0);
  if (first === slash) {
    const parts = /^\/([^/]*)\/([^/]*)\/$/.exec(value);
    if (parts === null) return value;
    return substitute(node, find(parts[1] ?? '', node), parts[2] ?? '');
  }
  if (first !== bar || value.length < 2 || !value.endsWith('|')) return value;
  const inside = value.slice(1, -1);
  const split = inside.indexOf('|');
  const source = split < 0 ? sourceFromNumbers(node) : inside.slice(0, split);
  const found = find(source, node);
  return substitute(node, found, expand(inside.slice(split + 1), node, found));
}

const slash = '/'.charCodeAt(0);
const bar = '|'.charCodeAt(0);

/** As many groups as the name has numbers; zeros in front of a number belong to no group. */
function sourceFromNumbers(node: string): string {
  const numbers = node.match(/[\D0]*\d+/g) ?? [];
  return `${'[\\D0]*(\\d+)'.repeat(numbers.length)}.*$`;
}

function find(source: string, node: string): Found | undefined {
  try {
    return compilePattern(source).find(node);
  } catch (error) {
    // A definition with an expression that nobody can read must not make the whole list of nodes unreadable.
    if (error instanceof HostlerError) return undefined;
    throw error;
  }
}

function substitute(node: string, found: Found | undefined, replacement: string): string {
  return found === undefined ? node : node.slice(0, found.start) + replacement + node.slice(found.end);
}

/** Puts numbers in place of the outermost parentheses. One that cannot be computed stays as it was written. */
function expand(replacement: string, node: string, found: Found | undefined): string {
  let result = '';
  let depth = 0;
  let start = 0;
  for (let at = 0; at < replacement.length; at += 1) {
    const char = replacement[at];
    if (char === '(') {
      if (depth === 0) {
        result += replacement.slice(start, at);
        start = at;
      }
      depth += 1;
    } else if (char === ')' && depth > 0) {
      depth -= 1;
      if (depth === 0) {
        result += compute(replacement.slice(start, at + 1), node, found);
        start = at + 1;
      }
    }
  }
  return result + replacement.slice(start);
}

function compute(expression: string, node: string, found: Found | undefined): string {
  if (found === undefined) return node;
  const value = evaluateArithmetic(expression, found.groups);
  return value === undefined ? expression : substitute(node, found, value);
}
