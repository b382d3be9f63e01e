import { compilePattern } from '../pattern/index.ts';
import { HostlerError } from '../errors/error.ts';
import type { Atom, Range } from './ast.ts';
import { openBracket } from './brackets.ts';
import type { Budget } from './budget.ts';
import type { Lookup } from './lookup.ts';
import { parseAtom, parseNoderange } from './parse.ts';
import { spanBetween, spanFrom, spanNames, spanSize, type Span } from './span.ts';

export interface Rules {
  /** Names that nobody knows go to `missing`; else they are taken as they are. */
  readonly verify: boolean;
  /** Put around bare numbers. */
  readonly prefix: string;
  readonly suffix: string;
}

export interface Context {
  readonly lookup: Lookup;
  readonly rules: Rules;
  readonly budget: Budget;
  /** Names that resolve to nothing, in the order in which they were met. */
  readonly missing: Set<string>;
  /** Inside of a `^file` further files say nothing. */
  readonly inFile: boolean;
}

/** Texts within texts (`a[1-2]` gives `a1`): more than this many levels are refused. */
const deepest = 100;

/** The names that a parsed range stands for, in no order. Elements count left to right, exclusions at the very end. */
export function evaluate(range: Range, context: Context, depth = 0): Iterable<string> {
  const [only] = range.elements;
  if (only !== undefined && range.elements.length === 1 && only.join === 'add') {
    return evaluateAtom(only.atom, context, depth);
  }
  let found = new Set<string>();
  const dropped = new Set<string>();
  for (const { join, atom } of range.elements) {
    const names = evaluateAtom(atom, context, depth);
    if (join === 'keep') {
      const kept = new Set<string>();
      for (const name of names) if (found.has(name)) kept.add(name);
      found = kept;
    } else {
      const into = join === 'add' ? found : dropped;
      for (const name of names) into.add(name);
    }
  }
  for (const name of dropped) found.delete(name);
  return found;
}

function evaluateAtom(atom: Atom, context: Context, depth: number): Iterable<string> {
  if (depth > deepest) {
    throw new HostlerError('resource_exhausted', `The node range nests more than ${deepest} levels; write it flatter.`);
  }
  const { lookup, budget, rules } = context;
  if (atom.kind === 'nested') return evaluate(atom.range, context, depth + 1);
  if (atom.kind === 'file') return evaluateFile(atom.path, context);
  const known = resolve(atom.text, lookup);
  if (known !== undefined) {
    budget.look(known.length);
    return known;
  }
  switch (atom.kind) {
    case 'criterion':
      budget.look(lookup.nodes().length);
      return lookup.fitting(atom);
    case 'pattern': {
      if (!rules.verify && context.inFile) return unknown(atom.text, context);
      budget.look(lookup.nodes().length);
      const pattern = compilePattern(atom.source);
      return lookup.nodes().filter((name) => pattern.matches(name));
    }
    case 'brackets': {
      const texts = openBracket(atom.text, budget);
      if (texts === undefined) return unknown(atom.text, context);
      const found: string[] = [];
      for (const text of texts) {
        const names = resolve(text, lookup) ?? evaluateAtom(parseAtom(text), context, depth + 1);
        for (const name of names) found.push(name);
      }
      return found;
    }
    case 'plus':
      return evaluateSpan(spanFrom(atom.start, atom.count), atom.text, context);
    case 'span':
      return evaluateSpan(spanBetween(atom.left, atom.right), atom.text, context);
    case 'name':
      return finalName(atom.text, context);
  }
}

function evaluateSpan(span: Span | undefined, text: string, context: Context): Iterable<string> {
  if (span === undefined) return unknown(text, context);
  context.budget.spend(spanSize(span));
  const found: string[] = [];
  for (const name of spanNames(span)) {
    const names = finalName(name, context);
    context.budget.look(names.length);
    for (const node of names) found.push(node);
  }
  return found;
}

/** A name that stands for nothing but itself, a group, or with prefix and suffix a node when it is a bare number. */
function finalName(name: string, context: Context): readonly string[] {
  const known = resolve(name, context.lookup);
  if (known !== undefined) return known;
  const { prefix, suffix } = context.rules;
  if (!/^\d+$/.test(name)) return unknown(name, context);
  const full = prefix + name + suffix;
  return resolve(full, context.lookup) ?? unknown(full, context);
}

function resolve(name: string, lookup: Lookup): readonly string[] | undefined {
  return lookup.isNode(name) ? [name] : lookup.members(name);
}

function unknown(name: string, context: Context): readonly string[] {
  if (!context.rules.verify) return [name];
  context.missing.add(name);
  return [];
}

/** One range a line, up to the first blank, tab or colon; lines that begin with `#` or `^` say nothing. */
function evaluateFile(path: string, context: Context): Iterable<string> {
  const content = context.inFile ? undefined : context.lookup.file(path);
  if (content === undefined) return [];
  const found = new Set<string>();
  const inside = { ...context, inFile: true };
  for (const line of content.split('\n')) {
    if (line.startsWith('#') || line.startsWith('^')) continue;
    const text = /^[^: \t\r]*/.exec(line)?.[0] ?? '';
    for (const name of evaluate(parseNoderange(text), inside)) found.add(name);
  }
  return found;
}
