import type { Effect } from '../../shared/verb/effect.ts';
import { type View, valueIn } from '../../shared/verb/view.ts';
import type { Ending } from './record.ts';

/**
 * Changes without `expected` get the values that the verb saw: the view must be the one the verb was given, which is
 * so as long as nothing was awaited in between.
 */
export function withExpected(effects: readonly Effect[], known: View): readonly Effect[] {
  return effects.map((effect) => {
    if (effect.do !== 'commit') return effect;
    const changes = effect.changes.map((change) => {
      if (change.expected !== undefined || change.values === undefined) return change;
      const row = known.row(change.type, change.name);
      const seen = Object.keys(change.values).map((key) => [key, valueIn(row, key)] as const);
      return { ...change, expected: Object.fromEntries(seen) };
    });
    return { ...effect, changes };
  });
}

/** Puts the signatures in that changes ask for. */
export function withSignatures(effects: readonly Effect[], sign: (text: string) => string): readonly Effect[] {
  return effects.map((effect) => {
    if (effect.do !== 'commit' || effect.changes.every((change) => change.sign === undefined)) return effect;
    const changes = effect.changes.map(({ sign: texts, ...change }) => {
      if (texts === undefined) return change;
      const signatures = Object.entries(texts).map(([column, text]) => [column, sign(text)] as const);
      return { ...change, values: { ...change.values, ...Object.fromEntries(signatures) } };
    });
    return { ...effect, changes };
  });
}

/** How an effect ends the job; undefined when it does not. */
export function endingOf(effect: Effect): Ending | undefined {
  if (effect.do === 'done') {
    return { status: effect.exit === 0 ? 'done' : 'failed', exit: effect.exit, code: '', message: '' };
  }
  if (effect.do === 'refuse') {
    return { status: 'refused', exit: effect.exit ?? 1, code: effect.code, message: effect.message };
  }
  return undefined;
}
