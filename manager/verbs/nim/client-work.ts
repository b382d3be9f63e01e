import { attribute, changeFor } from '../../../shared/objects/index.ts';
import { nimKinds, type NimClientsResult, type NimClientsSpec, type NimPrescripts } from '../../../shared/task/nim.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Change, Effect, Json, Report, Requirement } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';
import { prescriptsFor } from './client-plan.ts';
import { say } from './common.ts';

/** The part that all verbs on NIM machines share: one task a master, then one commit, then what is said. */
export interface ClientWork {
  readonly server: string;
  /** Keys of tasks that are still out. */
  readonly open: readonly string[];
  readonly done: readonly string[];
  readonly failed: Readonly<Record<string, string>>;
  /** Node attributes to be set for what went well. */
  readonly attributes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly success: string;
  readonly failure: string;
  readonly nodes: readonly string[];
  /** How many nodes were refused before any master was asked; why was said then. */
  readonly refused: number;
  readonly [key: string]: Json;
}

export interface MasterWork {
  readonly on: Requirement;
  readonly spec: NimClientsSpec;
}

export function startWork(
  asked: Asked,
  title: string,
  masters: readonly MasterWork[],
  work: Pick<ClientWork, 'attributes' | 'success' | 'failure'>,
  refusals: readonly Effect[] = [],
): Step<ClientWork> {
  const tasks: Effect[] = masters.map(({ on, spec }, index) => ({
    do: 'run',
    task: {
      key: `nim-${String(index + 1)}`,
      kind: nimKinds.clients,
      title: `${title} (${String(spec.clients.length)} nodes${on.agent === undefined ? '' : ` on ${on.agent}`})`,
      on,
      spec: spec as unknown as Json,
      uninterruptible: true,
      // Two administrators, the same nodes: one after the other.
      lock: `nim-clients-${on.agent ?? 'prime'}`,
    },
  }));
  return {
    state: {
      ...work,
      server: asked.server,
      open: masters.map((_, index) => `nim-${String(index + 1)}`),
      done: [],
      failed: {},
      refused: refusals.length,
      nodes: masters.flatMap(({ spec }) => spec.clients.map(({ node }) => node)),
    },
    effects: [...refusals, ...tasks],
  };
}

export function onWork(state: ClientWork, report: Report, known: View): Step<ClientWork | null> {
  if (report.about === 'cancel') return { state, effects: [] };
  if (report.about === 'commit') return finish(state, report.outcome === 'conflict' ? report.message : undefined);
  const open = state.open.filter((key) => key !== report.key);
  const effects: Effect[] = [];
  let { done, failed } = state;
  if (report.outcome === 'done') {
    const result = report.result as unknown as NimClientsResult;
    done = [...done, ...result.done];
    failed = { ...failed, ...result.failed };
    effects.push(...result.lines.map((line) => say(`${state.server}: ${line}`)));
  } else effects.push({ do: 'say', text: `Error: [${state.server}]: ${report.message}\n`, error: true });
  const next = { ...state, open, done, failed };
  if (open.length > 0) return { state: next, effects };
  const changes = changesFor(next, known);
  if (changes.length === 0) {
    const last = finish(next, undefined);
    return { state: last.state, effects: [...effects, ...last.effects] };
  }
  return { state: next, effects: [...effects, { do: 'commit', key: 'nodes', changes }] };
}

function changesFor(state: ClientWork, known: View): Change[] {
  return state.done.flatMap((node) => {
    const attributes = state.attributes[node];
    return attributes === undefined || Object.keys(attributes).length === 0 || !known.has('node', node)
      ? []
      : [changeFor(known, 'node', node, attributes)];
  });
}

/** Nodes that failed are named with their reasons; the others are done all the same. */
function finish(state: ClientWork, conflict: string | undefined): Step<null> {
  const error = (text: string): Effect => ({ do: 'say', text: `Error: [${state.server}]: ${text}\n`, error: true });
  const bad = Object.entries(state.failed).sort(([a], [b]) => (a < b ? -1 : 1));
  const complaints = bad.map(([node, message]) => error(`${node}: ${message}`));
  if (conflict !== undefined)
    complaints.push(
      error(`The nodes were initialized, but their definitions were changed by somebody else meanwhile: ${conflict}`),
    );
  const missing = state.nodes.filter((node) => !state.done.includes(node) && state.failed[node] === undefined);
  if (complaints.length === 0 && missing.length === 0 && state.refused === 0)
    return end(say(`${state.server}: ${state.success}`), { do: 'done', exit: 0 });
  return end(...complaints, error(state.failure), { do: 'done', exit: 1 });
}

/** Nodes with the same list are grouped, so that a script runs once for all of them; the defaults stand in front. */
export function prescripts(known: View, nodes: readonly string[], action: string, folder: string): NimPrescripts[] {
  const phases: NimPrescripts[] = [];
  for (const when of ['begin', 'end'] as const) {
    const groups = new Map<string, string[]>();
    for (const node of nodes) {
      const lists = [
        known.row('group', 'xcatdefaults')?.[`prescripts.${when}`] ?? '',
        attribute(known, 'node', node, `prescripts-${when}`)?.value ?? '',
      ];
      const scripts = lists
        .flatMap((text) => prescriptsFor(text, action))
        .filter((script) => /^[A-Za-z0-9][\w./-]*$/.test(script) && !script.split('/').includes('..'));
      if (scripts.length === 0) continue;
      const key = scripts.map((script) => `${folder}/${script}`).join(',');
      groups.set(key, [...(groups.get(key) ?? []), node]);
    }
    for (const [key, members] of groups) phases.push({ when, scripts: key.split(','), nodes: members });
  }
  return phases;
}
