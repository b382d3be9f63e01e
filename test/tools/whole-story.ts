import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SimEngine } from '../sim/engine.ts';
import { type Asked, type Ran, type Report, faultsIn, faultsInReports, faultsInStates } from '../sim/history.ts';
import { readJournal } from '../sim/journal.ts';
import type { ManagerChild } from '../sim/manager-child.ts';
import { installations, statesAfter, statesIn } from '../sim/reports.ts';

/** What became of the tasks of a simulated manager with this home, by what it wrote down. */
export async function tasksOf(home: string): Promise<{ asked: Asked[]; engine: SimEngine }> {
  const lines = await readJournal(join(home, 'journal'));
  const engine = new SimEngine();
  engine.recall(lines.filter((line) => line.what !== 'asked'));
  return { asked: lines.filter((line) => line.what === 'asked'), engine };
}

/** `runs`: a file with a line for each task that began, by whichever agent. */
export async function taskFaults(home: string, runs: string): Promise<string[]> {
  const { asked, engine } = await tasksOf(home);
  const lines = existsSync(runs) ? readFileSync(runs, 'utf8').trim().split('\n') : [];
  const owners = new Map(asked.map(({ id, agent }) => [id, agent]));
  const ran = new Map<string, { readonly spool: { readonly begun: Map<string, number> } }>();
  for (const id of lines) {
    const agent = owners.get(id) ?? 'somebody';
    const { spool } = ran.get(agent) ?? { spool: { begun: new Map<string, number>() } };
    spool.begun.set(id, (spool.begun.get(id) ?? 0) + 1);
    ran.set(agent, { spool });
  }
  const invented = lines.filter((id) => !owners.has(id)).map((id) => `${id} ran and was never asked for`);
  return [...invented, ...faultsIn(asked, engine, ran satisfies Ran)];
}

/** `last`: how many reports each reporter made. Everything that the registry shows is held against them. */
export async function reportFaults(
  manager: ManagerChild,
  last: ReadonlyMap<string, number>,
  from: number,
): Promise<string[]> {
  const told = new Map([...last].map(([agent, most]) => [agent, installations(most)]));
  const effects = await manager.ask<Report[]>({ ask: 'installations' });
  const wanted = new Map([...last].flatMap(([agent, most]) => [...statesAfter(agent, most, from)]));
  const nodes = await manager.ask<[string, Record<string, string>][]>({ ask: 'reported', type: 'node' });
  const agents = await manager.ask<[string, Record<string, string>][]>({ ask: 'reported', type: 'agent' });
  const states = statesIn(nodes, agents, last);
  return [...faultsInReports(told, effects), ...faultsInStates(wanted, states)];
}
