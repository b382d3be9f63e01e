import { nodeStateAfter } from '../../manager/fleet/node-state.ts';
import type { AgentBody } from '../../shared/session/agent-session.ts';

/*
 * What a simulated boot server reports, as a function of the report's number alone: whoever knows how many there were knows
 * what the manager has to know.
 *
 *   every 10th   facts, with the number in them: the last ones count
 *   every 3rd    a node of its own was installed: one revision of the registry by this agent, another one if it counted twice
 *   the others   stages of boots, six numbers a node: they add up to the state of that node
 */

/** So many reports can be made; nodes for them are defined before. */
export const mostReports = 6_000;

const numbersOfNode = 6;
/** One boot: each stage that is lost, and each that nobody told of, shows at the end. */
const boot = ['loader', 'kernel', 'switched', 'booted'] as const;
/** What nodeset has asked for of a node that is to be installed. */
export const installing = 'sysclone x';

const kindOf = (number: number): 'facts' | 'installed' | 'boot' =>
  number % 10 === 0 ? 'facts' : number % 3 === 0 ? 'installed' : 'boot';

const installedNode = (agent: string, number: number): string => `${agent}-i${number}`;
const bootedNode = (agent: string, number: number): string => `${agent}-b${Math.floor(number / numbersOfNode)}`;
const storeOf = (number: number): string => `https://127.0.0.1:${number}`;

export function factsOf(number: number): string {
  return JSON.stringify({ arch: 'x86_64', bootId: 'sim', emulates: [], store: [storeOf(number)] });
}

/** `from`: when the run began, milliseconds since the epoch. */
export function reportOf(agent: string, number: number, from: number): AgentBody {
  const kind = kindOf(number);
  if (kind === 'facts') return { facts: { facts: factsOf(number) } };
  const seen = { at: from + number, mac: '', bootId: '', detail: '' };
  if (kind === 'installed') {
    return { nodeEvent: { ...seen, node: installedNode(agent, number), stage: 'installed' } };
  }
  return { nodeEvent: { ...seen, node: bootedNode(agent, number), stage: stageOf(number) } };
}

function stageOf(number: number): string {
  const within = number % numbersOfNode;
  return boot[within < 3 ? within - 1 : within - 2] ?? 'booted';
}

/** All nodes that an agent may speak of, with what nodeset asked for. */
export function nodesOf(agent: string, most = mostReports): { readonly name: string; readonly currstate: string }[] {
  const nodes = new Map<string, string>();
  for (let number = 1; number <= most; number++) {
    if (kindOf(number) === 'installed') nodes.set(installedNode(agent, number), installing);
    if (kindOf(number) === 'boot') nodes.set(bootedNode(agent, number), 'netboot x');
  }
  return [...nodes].map(([name, currstate]) => ({ name, currstate }));
}

/** Numbers of those that leave a revision, up to the last one. */
export function installations(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1).filter((number) => kindOf(number) === 'installed');
}

/** The number in the name of a node that was installed. */
export function installationOf(agent: string, node: string): number {
  const [, number] = new RegExp(`^${agent}-i(\\d+)$`).exec(node) ?? [];
  return Number(number ?? -1);
}

type Row = Readonly<Record<string, string>>;

/** What has to be known of nodes and of the agent itself after so many reports; `came`: what became of each on its way. */
export function statesAfter(
  agent: string,
  last: number,
  from: number,
  came: (number: number) => readonly number[] = (number) => [number],
): Map<string, Row> {
  const rows = new Map<string, Record<string, string>>();
  const sent = Array.from({ length: last }, (_, index) => index + 1);
  for (const number of sent.flatMap(came)) {
    const { nodeEvent, facts } = reportOf(agent, number, from);
    if (facts !== undefined && facts !== null) rows.set(agent, { 'agent.store': storeOf(number) });
    if (nodeEvent === undefined || nodeEvent === null) continue;
    const { node = '', stage = '' } = nodeEvent;
    const row = rows.get(node) ?? {};
    const currstate = kindOf(number) === 'installed' ? installing : 'netboot x';
    const told = nodeStateAfter(row, { stage, at: from + number, bootId: '', detail: '' }, currstate);
    const next = Object.entries({ ...row, ...told }).filter((entry): entry is [string, string] => entry[1] !== null);
    rows.set(node, Object.fromEntries(next));
  }
  return rows;
}

/** What is known of nodes and, of these agents, of what their reports say of themselves; as the registry shows it. */
export function statesIn(
  nodes: Iterable<readonly [name: string, row: Readonly<Record<string, string | undefined>>]>,
  agents: Iterable<readonly [name: string, row: Readonly<Record<string, string | undefined>>]>,
  told: ReadonlyMap<string, number>,
): Map<string, Readonly<Record<string, string | undefined>>> {
  const states = new Map(nodes);
  for (const [name, row] of agents) {
    const store = row['agent.store'];
    if (told.has(name) && store !== undefined) states.set(name, { 'agent.store': store });
  }
  return states;
}
