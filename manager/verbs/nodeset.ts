import { expandNoderange } from '../../shared/noderange/index.ts';
import type { Asked } from '../../shared/verb/asked.ts';
import type { Effect, Json, Report } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { actionOf } from './boot/action.ts';
import { nodeFacts, servedOf, type NodeFacts } from './boot/node-plan.ts';
import { clusterTasks, clusterTold, isClusterTask } from './boot/clone-cluster.ts';
import { bootAgents } from './boot/servers.ts';
import { clusterOf } from './boot/service-plan.ts';
import { changeFor, Targets, type Setting, type Target } from './boot/targets.ts';
import { tasksFor, type Wanted } from './boot/tasks.ts';
import { failed, orRefused, noSuchNodes } from './tables/answers.ts';

interface State {
  readonly server: string;
  /** What nodes are to be; thousands share a few. */
  readonly targets: readonly Target[];
  /** Node to its place in `targets`. */
  readonly nodes: { readonly [node: string]: number };
  /** Nodes by task that has not ended. */
  readonly open: { readonly [task: string]: readonly string[] };
  readonly done: readonly string[];
  /** Nodes with an error, which was said already. */
  readonly failed: readonly string[];
  /** noderes.netboot of the first failed node, for xCAT's last line; empty: that line is not due. */
  readonly method: string;
  readonly [key: string]: Json;
}

type Troubles = Map<string, string>;

/** Says what nodes boot next: an image, their own disk, nothing. */
export const nodeset: Verb<State | null> = {
  name: 'nodeset',
  version: 1,
  changes: true,
  start: (asked, known) => orRefused(asked, () => begin(asked, known)),
  on(state, report, known) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    if (report.about === 'task') return taskEnded(state, report, known);
    return report.outcome === 'conflict' ? conflict(state, report.message) : { state, effects: [] };
  },
};

function begin(asked: Asked, known: View): Step<State | null> {
  const [range = '', ...words] = asked.operands;
  const [word, ...more] = words;
  if (word === undefined || more.length > 0) return failed(asked, `Invalid argument: '${words.join(' ')}'`);
  const { nodes, missing } = expandNoderange(known, range, { verify: true, files: asked.files });
  if (missing.length > 0) {
    return noSuchNodes(missing);
  }
  const action = actionOf(word);
  const troubles: Troubles = new Map();
  const able = inOrder(nodes.map((name) => nodeFacts(known, name)).filter((node) => hasPlugin(node, troubles)));
  if (action.to === 'stat') return stat(asked, able, troubles);
  return set(asked, known, action, able, troubles);
}

/** xCAT's order of plug-ins, made steady: by netboot method, then by name. */
function inOrder(nodes: readonly NodeFacts[]): NodeFacts[] {
  const keyed = nodes.map((node) => ({ node, key: `${node.value('netboot')} ${node.name}` }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ node }) => node);
}

function hasPlugin(node: NodeFacts, troubles: Troubles): boolean {
  if (node.value('netboot') !== '' || node.value('mgt') !== '') return true;
  const tables = 'noderes.netboot=(grub2[-]?.*);nodehm.mgt;nodehm.mgt=switch';
  troubles.set(node.name, `Unable to identify plugin for this command, check relevant tables: ${tables}`);
  return false;
}

function stat(asked: Asked, nodes: readonly NodeFacts[], troubles: Troubles): Step<null> {
  const states = nodes.map((node) => ({ node: node.name, state: node.value('currstate') || 'offline' }));
  const lines = states.map(({ node, state }) => `${node}: ${state}\n`);
  const text: Effect[] = lines.length > 0 ? [{ do: 'say', text: lines.join('') }] : [];
  const said: Effect[] = asked.json ? [{ do: 'data', value: states }] : text;
  const exit = troubles.size > 0 ? 1 : 0;
  return end(...said, ...complaints(asked.server, troubles), { do: 'done', exit });
}

function set(
  asked: Asked,
  known: View,
  action: Setting,
  nodes: readonly NodeFacts[],
  troubles: Troubles,
): Step<State | null> {
  const cluster = clusterOf(known);
  const site = { networks: cluster.networks, master: cluster.master };
  // Where no boot server is, nothing is served to anybody, and no more has to be done than to say so.
  const anyServer = bootAgents(known).length > 0;
  const images = new Targets(asked, known, action);
  const targets = new Map<string, number>();
  const chosen: Target[] = [];
  const places: Record<string, number> = {};
  const unserved: string[] = [];
  const wanted: Wanted[] = [];
  const before = new Set(troubles.keys());
  for (const node of nodes) {
    const found = images.of(node);
    const served = servedOf(known, node, site);
    if ('trouble' in found) troubles.set(node.name, found.trouble);
    else if ('trouble' in served && found.version) troubles.set(node.name, served.trouble);
    else {
      const content = JSON.stringify(found.target);
      const place = targets.get(content) ?? chosen.push(found.target) - 1;
      targets.set(content, place);
      places[node.name] = place;
      const { version } = found;
      if ('trouble' in served || (!anyServer && !version)) unserved.push(node.name);
      else wanted.push({ facts: node, served, away: action.to === 'offline', ...(version && { version }) });
    }
  }
  const planned = tasksFor(asked, known, cluster, wanted);
  for (const [name, trouble] of planned.troubles) troubles.set(name, trouble);
  const golden = wanted.filter(({ served }) => !troubles.has(served.name));
  const told = planned.tasks.length === 0 ? [] : clusterTasks(known, golden, asked.folders.install);
  const firstBad = nodes.find(({ name }) => troubles.has(name) && !before.has(name));
  const state: State = {
    server: asked.server,
    targets: chosen,
    nodes: places,
    open: Object.fromEntries([
      ...planned.tasks.map(({ request, nodes: its }) => [request.key, its] as const),
      ...told.map(({ key }) => [key, []] as const),
    ]),
    done: unserved,
    failed: [...troubles.keys()],
    method: firstBad ? firstBad.value('netboot') || 'xnba' : '',
  };
  const said = complaints(asked.server, troubles);
  const runs = [...planned.tasks.map(({ request }) => request), ...told].map((task): Effect => ({ do: 'run', task }));
  if (planned.tasks.length === 0) return settle(state, said);
  // A plan shows the whole way at once; nothing of it is done.
  if (asked.plan)
    return settle({ ...state, done: [...unserved, ...wanted.map(({ served }) => served.name)] }, [...said, ...runs]);
  return { state, effects: [...said, ...runs] };
}

function taskEnded(state: State, report: Extract<Report, { about: 'task' }>, known: View): Step<State | null> {
  const { [report.key]: nodes = [], ...open } = state.open;
  const effects: Effect[] = [];
  let next: State = { ...state, open };
  if (isClusterTask(report.key)) effects.push(...clusterTold(state.server, report));
  else if (report.outcome === 'done') next = { ...next, done: [...state.done, ...nodes] };
  else {
    const agent = report.agent === '' ? '' : `${report.agent}: `;
    const text = `${shown(nodes)}: [${state.server}]: Error: ${agent}${report.message}\n`;
    effects.push({ do: 'say', text, error: true });
    const method = state.method || nodeFacts(known, nodes[0] ?? '').value('netboot') || 'xnba';
    next = { ...next, failed: [...state.failed, ...nodes], method };
  }
  return Object.keys(open).length > 0 ? { state: next, effects } : settle(next, effects);
}

/**
 * All servers have answered: one commit for the nodes that all of their servers serve, and what is said when it is
 * made. A conflict drops what stands behind it.
 */
function settle(state: State, before: readonly Effect[]): Step<State | null> {
  const bad = new Set(state.failed);
  const done = [...new Set(state.done)].filter((name) => !bad.has(name));
  if (done.length === 0) return { state: null, effects: [...before, ...ending(state)] };
  const changes = done.map((name) => changeFor(name, targetOf(state, name)));
  const lines = done.map((name) => `${name}: ${targetOf(state, name).currstate}\n`);
  const commit: Effect = { do: 'commit', key: 'state', changes };
  return { state, effects: [...before, commit, { do: 'say', text: lines.join('') }, ...ending(state)] };
}

function conflict(state: State, message: string): Step<null> {
  const text = `Error: [${state.server}]: ${message} The boot servers have the new state already; run nodeset again.\n`;
  return end({ do: 'say', text, error: true }, { do: 'done', exit: 1 });
}

function ending(state: State): Effect[] {
  const exit = state.failed.length > 0 ? 1 : 0;
  if (state.method === '') return [{ do: 'done', exit }];
  const text =
    `Error: [${state.server}]: Failed to generate ${state.method} configurations for some node(s) on ${state.server}. ` +
    'Check xCAT log file for more details.\n';
  return [
    { do: 'say', text, error: true },
    { do: 'done', exit: 1 },
  ];
}

function targetOf(state: State, name: string): Target {
  const target = state.targets[state.nodes[name] ?? -1];
  if (!target) throw new Error(`the state of nodeset has lost ${name}`);
  return target;
}

function complaints(server: string, troubles: Troubles): Effect[] {
  if (troubles.size === 0) return [];
  const lines = [...troubles].map(([name, trouble]) => `${name}: [${server}]: Error: ${trouble}\n`);
  return [{ do: 'say', text: lines.join(''), error: true }];
}

function shown(nodes: readonly string[]): string {
  const some = nodes.slice(0, 8).join(',');
  return nodes.length > 8 ? `${some} and ${nodes.length - 8} more` : some;
}
