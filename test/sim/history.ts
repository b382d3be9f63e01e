import type { SimEngine } from './engine.ts';

/** What was asked of whom. */
export interface Asked {
  readonly id: string;
  readonly agent: string;
}

/** What the agents' machines know: how often each task really began there. */
export type Ran = ReadonlyMap<string, { readonly spool: { readonly begun: ReadonlyMap<string, number> } }>;

/**
 * Holds a whole run against the rules: every task that was given ended in exactly one state, once, at the agent it was
 * given to; it started once, before its end, and that was told; no agent began one twice, or one that was not its own; what
 * is called done did run. Returns what is wrong, in words; empty when nothing is.
 */
export function faultsIn(asked: readonly Asked[], engine: SimEngine, agents: Ran): string[] {
  const faults: string[] = [];
  const applied = new Map<string, number>();
  const owners = new Map(asked.map(({ id, agent }) => [id, agent]));
  for (const { id } of engine.applied) applied.set(id, (applied.get(id) ?? 0) + 1);
  for (const id of engine.tasks.keys()) if (!owners.has(id)) faults.push(`${id} was told of and never asked for`);
  for (const [id, agent] of owners) {
    const { ends, losses, starts } = engine.of(id);
    const counted = applied.get(id) ?? 0;
    if (counted + (losses.length > 0 ? 1 : 0) !== 1) faults.push(`${id}: ${counted} ends, ${losses.length} losses`);
    const answers = new Set(ends.map(({ end }) => JSON.stringify(end)));
    if (answers.size > 1) faults.push(`${id} ended in ${answers.size} different ways`);
    for (const other of new Set([...ends, ...starts].map((told) => told.agent)))
      if (other !== agent) faults.push(`${id} was given to ${agent}, and ${other} told of it`);
    if (starts.length > 1) faults.push(`${id} was started ${starts.length} times`);
    if (starts.some(({ late }) => late)) faults.push(`${id} was started after it had ended`);
    const isDone = ends.some(({ end }) => end.outcome === 'done');
    if (isDone && starts.length === 0) faults.push(`${id} is done, and its start was never told`);
    if (isDone && !agents.get(agent)?.spool.begun.has(id)) faults.push(`${id} is done, and never ran`);
    for (const [name, { spool }] of agents) {
      const begun = spool.begun.get(id) ?? 0;
      if (begun > (name === agent ? 1 : 0)) faults.push(`${id} of ${agent} was begun ${begun} times by ${name}`);
    }
  }
  return faults;
}

/** One report of an agent, by its number there: 1, 2, 3 ... */
export interface Report {
  readonly agent: string;
  readonly number: number;
}

/**
 * The same for reports of consequence. `told`: by agent, the numbers of those that its outbox took and that leave a trace;
 * `effects`: the traces, in the order in which they came to be. Each report has one, none is there without, and those of one
 * agent are in the order of their numbers.
 */
export function faultsInReports(told: ReadonlyMap<string, readonly number[]>, effects: readonly Report[]): string[] {
  const faults: string[] = [];
  const counted = new Map([...told].map(([agent, numbers]) => [agent, new Map(numbers.map((number) => [number, 0]))]));
  const latest = new Map<string, number>();
  for (const { agent, number } of effects) {
    const times = counted.get(agent)?.get(number);
    if (times === undefined) faults.push(`report ${number} of ${agent} was applied and never told`);
    else counted.get(agent)?.set(number, times + 1);
    const before = latest.get(agent) ?? 0;
    if (number < before) faults.push(`report ${number} of ${agent} was applied after ${before}`);
    latest.set(agent, Math.max(before, number));
  }
  for (const [agent, numbers] of counted) {
    for (const [number, times] of numbers) {
      if (times === 0) faults.push(`report ${number} of ${agent} is lost`);
      if (times > 1) faults.push(`report ${number} of ${agent} was applied ${times} times`);
    }
  }
  return faults;
}

type Row = Readonly<Record<string, string | null | undefined>>;

/** Where reports add up to a state: what it has to be, and what it is, by name. */
export function faultsInStates(wanted: ReadonlyMap<string, Row>, found: ReadonlyMap<string, Row>): string[] {
  const faults: string[] = [];
  for (const name of found.keys()) if (!wanted.has(name)) faults.push(`${name} has a state that nobody told of`);
  for (const [name, row] of wanted) {
    const is = found.get(name) ?? {};
    for (const key of new Set([...Object.keys(row), ...Object.keys(is)])) {
      const [should, does] = [row[key] ?? undefined, is[key] ?? undefined];
      if (should !== does) faults.push(`${key} of ${name} is ${does ?? 'nothing'}, not ${should ?? 'nothing'}`);
    }
  }
  return faults;
}
