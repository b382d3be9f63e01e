import { nameBudget } from './budget.ts';
import { evaluate, type Rules } from './evaluate.ts';
import type { Lookup } from './lookup.ts';
import { parseNoderange } from './parse.ts';

export interface Expansion {
  /** Sorted, each once. */
  readonly nodes: string[];
  /** With `verify`: what stands for nothing, in the order in which it was met. */
  readonly missing: string[];
}

/** `excluded`: a range that is taken away from every result. */
export function expandWith(lookup: Lookup, text: string, rules: Rules, excluded?: string): Expansion {
  const missing = new Set<string>();
  const budget = nameBudget(text);
  const found = evaluate(parseNoderange(text), { lookup, rules, budget, missing, inFile: false });
  if (excluded === undefined || excluded === '') return { nodes: inOrder(found), missing: [...missing] };
  const ignored = new Set<string>();
  const away = evaluate(parseNoderange(excluded), {
    lookup,
    rules: { ...rules, verify: true },
    budget,
    missing: ignored,
    inFile: false,
  });
  const left = new Set(found);
  for (const name of away) left.delete(name);
  return { nodes: inOrder(left), missing: [...missing] };
}

/** Most results come sorted already: looking costs less than sorting. */
function inOrder(names: Iterable<string>): string[] {
  const list = Array.isArray(names) ? (names as readonly string[]).slice() : [...names];
  let ordered = true;
  for (let at = 1; at < list.length && ordered; at += 1) ordered = (list[at - 1] ?? '') < (list[at] ?? '');
  return ordered ? list : [...new Set(list)].sort();
}
