import type { SimEngine } from './engine.ts';

/** What was asked of whom. */
export interface Asked {
  readonly id: string;
  readonly agent: string;
}

/**
 * Holds a whole run against the rules: every task that was given ended in exactly one state, once, at the agent it was
 * given to; no agent began one twice, or one that was not its own. Returns what is wrong, in words; empty when nothing is.
 */
export function faultsIn(
  asked: readonly Asked[],
  engine: SimEngine,
  agents: ReadonlyMap<string, { readonly spool: { readonly begun: ReadonlyMap<string, number> } }>,
): string[] {
  const faults: string[] = [];
  const applied = new Map<string, number>();
  for (const { id, agent } of engine.applied) {
    applied.set(id, (applied.get(id) ?? 0) + 1);
    const wanted = asked.find((one) => one.id === id);
    if (wanted === undefined) faults.push(`${id} ended and was never asked for`);
    else if (wanted.agent !== agent) faults.push(`${id} was given to ${wanted.agent} and ended by ${agent}`);
  }
  for (const { id, agent } of asked) {
    const history = engine.of(id);
    const ends = applied.get(id) ?? 0;
    if (ends + (history.losses.length > 0 ? 1 : 0) !== 1)
      faults.push(`${id}: ${ends} ends, ${history.losses.length} losses`);
    const answers = new Set(history.ends.map(({ end }) => JSON.stringify(end)));
    if (answers.size > 1) faults.push(`${id} ended in ${answers.size} different ways`);
    for (const [name, { spool }] of agents) {
      const begun = spool.begun.get(id) ?? 0;
      if (begun > (name === agent ? 1 : 0)) faults.push(`${id} of ${agent} was begun ${begun} times by ${name}`);
    }
  }
  return faults;
}
