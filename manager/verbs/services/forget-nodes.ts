import type { Asked } from '../../../shared/verb/asked.ts';
import type { Effect, Json, Report } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';
import { bootAgents } from '../boot/servers.ts';
import { clusterOf } from '../boot/service-plan.ts';
import { tasksFor } from '../boot/tasks.ts';
import { dhcpNodes } from './dhcp-nodes.ts';
import { placeFiles } from './files-task.ts';
import { namesOf } from './host-entries.ts';

/** What a verb keeps while services forget the nodes that it removed. */
export interface Forgetting {
  readonly server: string;
  /** Tasks that have not ended. */
  readonly open: readonly string[];
  readonly exit: number;
  readonly [key: string]: Json;
}

/**
 * The step with one thing added: when its commit is made, services that were told of these nodes forget them. Only
 * agents that are connected are asked: removing nodes must not wait for a server that may never come back.
 * `hosts`: their lines of the hosts file, too.
 */
export function forgetting(
  asked: Asked,
  known: View,
  nodes: readonly string[],
  { hosts }: { readonly hosts: boolean },
  step: Step<null>,
): Step<Forgetting | null> {
  const last = step.effects.at(-1);
  if (last?.do !== 'done' || !step.effects.some((effect) => effect.do === 'commit')) return step;
  // Where nobody serves, nothing is looked at.
  if (!bootAgents(known).some((agent) => isPresent(known, agent))) return step;
  const runs = [...bootTasks(asked, known, nodes), ...(hosts ? hostsTasks(asked, known, nodes) : [])].filter((effect) =>
    isConnected(known, effect),
  );
  if (runs.length === 0) return step;
  const before = step.effects.slice(0, -1);
  if (asked.plan) return end(...before, ...runs, last);
  const open = runs.flatMap((effect) => (effect.do === 'run' ? [effect.task.key] : []));
  return { state: { server: asked.server, open, exit: last.exit }, effects: [...before, ...runs] };
}

/** Ends with the last of the tasks. What could not be told is warned about: the definitions are gone all the same. */
export function forgotten(state: Forgetting | null, report: Report): Step<Forgetting | null> {
  if (state === null || report.about === 'cancel') return { state, effects: [] };
  if (report.about === 'commit') {
    if (report.outcome !== 'conflict') return { state, effects: [] };
    const text = `Error: [${state.server}]: ${report.message}\n`;
    return end({ do: 'say', text, error: true }, { do: 'done', exit: 1 });
  }
  const effects: Effect[] = [];
  if (report.outcome !== 'done') {
    const who = report.agent === '' ? 'A server' : report.agent;
    const text = `Warning: [${state.server}]: ${who} may still serve nodes that were removed: ${report.message}\n`;
    effects.push({ do: 'say', text, error: true });
  }
  const open = state.open.filter((key) => key !== report.key);
  if (open.length > 0) return { state: { ...state, open }, effects };
  return end(...effects, { do: 'done', exit: state.exit });
}

/** Addresses and what nodeset prepared. */
function bootTasks(asked: Asked, known: View, nodes: readonly string[]): Effect[] {
  const cluster = clusterOf(known);
  const { wanted } = dhcpNodes(asked, known, cluster, nodes, true);
  return tasksFor(asked, known, cluster, wanted).tasks.map(({ request }) => ({ do: 'run', task: request }));
}

function hostsTasks(asked: Asked, known: View, nodes: readonly string[]): Effect[] {
  const path = asked.folders.hostsFile;
  const hosts = { clear: false, remove: namesOf(known, nodes), put: [] };
  return [placeFiles(asked, known, `Change ${path}`, { files: [{ path, hosts }], reload: [] })];
}

function isConnected(known: View, effect: Effect): boolean {
  if (effect.do !== 'run') return false;
  const { agent } = effect.task.on;
  return agent !== undefined && isPresent(known, agent);
}

function isPresent(known: View, agent: string): boolean {
  return known.reported('agent', agent)?.['agent.state'] === 'connected';
}
