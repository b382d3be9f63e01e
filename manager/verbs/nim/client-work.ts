import { attribute, changeFor } from '../../../shared/objects/index.ts';
import {
  nimKinds,
  type NimClientsResult,
  type NimClientsSpec,
  type NimDescribeResult,
  type NimDescribeSpec,
  type NimPrescripts,
} from '../../../shared/task/nim.ts';
import { hasFlag, type Asked } from '../../../shared/verb/asked.ts';
import type { Change, Effect, Json, Report, Requirement } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';
import { prescriptsFor } from './client-plan.ts';
import { nfsAttributes, nimMaster, say, verbosely } from './common.ts';
import { copiesFiles, isReplica, primeOf, withReplicas } from './replicas.ts';

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
  /** Servers whose task itself came to nothing; why was said then. */
  readonly broken: number;
  /** Work for masters that are given resources of the prime first, until it has said what it has. */
  readonly waiting: readonly Json[];
  readonly [key: string]: Json;
}

export interface MasterWork {
  readonly on: Requirement;
  readonly spec: NimClientsSpec;
}

/** `known` and `-d` decide what other masters than the prime are given first. */
export function startWork(
  asked: Asked,
  known: View,
  title: string,
  masters: readonly MasterWork[],
  work: Pick<ClientWork, 'attributes' | 'success' | 'failure'>,
  refusals: readonly Effect[] = [],
): Step<ClientWork> {
  const all = masters.map((one, index) => ({
    ...one,
    spec: verbosely(asked, one.spec),
    title,
    key: `nim-${String(index + 1)}`,
  }));
  const lacking = (one: MasterWork): boolean =>
    isReplica(known, one.on) && one.spec.resources.some(({ make }) => make === undefined);
  const later = all.filter(lacking);
  const effects = all.filter((one) => !lacking(one)).map(taskOf);
  if (later.length > 0) {
    const names = [...new Set(later.flatMap(({ spec }) => spec.resources.map(({ name }) => name)))];
    const describe = { names } satisfies NimDescribeSpec;
    effects.push({
      do: 'run',
      task: {
        key: 'describe',
        kind: nimKinds.describe,
        title: `Look at the resources of ${primeOf(known)}`,
        on: nimMaster(known),
        spec: describe,
      },
    });
  }
  return {
    state: {
      ...work,
      server: asked.server,
      open: all.map(({ key }) => key),
      done: [],
      failed: {},
      refused: refusals.length,
      broken: 0,
      waiting: later.map((one) => ({ ...one, defineOnly: hasFlag(asked, 'd') }) as unknown as Json),
      nodes: [...new Set(masters.flatMap(({ spec }) => spec.clients.map(({ node }) => node)))],
    },
    effects: [...refusals, ...effects],
  };
}

type Keyed = MasterWork & { readonly key: string; readonly title: string };

function taskOf({ on, spec, key, title }: Keyed): Effect {
  return {
    do: 'run',
    task: {
      key,
      kind: nimKinds.clients,
      title: `${title} (${String(spec.clients.length)} nodes${on.agent === undefined ? '' : ` on ${on.agent}`})`,
      on,
      spec: spec as unknown as Json,
      uninterruptible: true,
      // Two administrators, the same nodes: one after the other.
      lock: `nim-clients-${on.agent ?? 'prime'}`,
    },
  };
}

/** The prime has said what it has: the other masters begin, each with what it lacks. */
function described(state: ClientWork, report: Extract<Report, { about: 'task' }>, known: View): Step<ClientWork> {
  const next = { ...state, waiting: [] };
  const effects: Effect[] = [];
  const resources = report.outcome === 'done' ? (report.result as unknown as NimDescribeResult).resources : [];
  if (report.outcome !== 'done')
    effects.push({
      do: 'say',
      text: `Error: [${state.server}]: What ${primeOf(known)} has cannot be seen, so that nothing is copied from there: ${report.message}\n`,
      error: true,
    });
  const broken = resources.filter(({ ready }) => !ready).map(({ name }) => name);
  if (broken.length > 0)
    effects.push({
      do: 'say',
      text: `Error: [${state.server}]: ${broken.join(', ')} on ${primeOf(known)}: not ready for use, and copied nowhere. "hostler nim check" shows the steps to recover.\n`,
      error: true,
    });
  for (const one of state.waiting as unknown as (Keyed & { readonly defineOnly: boolean })[]) {
    const from = copiesFiles(known, one.defineOnly) ? primeOf(known) : undefined;
    effects.push(taskOf({ ...one, spec: withReplicas(one.spec, resources, nfsAttributes(known), from) }));
  }
  return { state: next, effects };
}

export function onWork(state: ClientWork, report: Report, known: View): Step<ClientWork | null> {
  if (report.about === 'cancel') return { state, effects: [] };
  if (report.about === 'commit') return finish(state, report.outcome === 'conflict' ? report.message : undefined);
  if (report.key === 'describe') return described(state, report, known);
  const open = state.open.filter((key) => key !== report.key);
  const effects: Effect[] = [];
  let { done, failed, broken } = state;
  if (report.outcome === 'done') {
    const result = report.result as unknown as NimClientsResult;
    done = [...done, ...result.done];
    failed = { ...failed, ...result.failed };
    effects.push(...result.lines.map((line) => say(`${state.server}: ${line}`)));
  } else {
    broken += 1;
    effects.push({ do: 'say', text: `Error: [${state.server}]: ${report.message}\n`, error: true });
  }
  const next = { ...state, open, done, failed, broken };
  if (open.length > 0) return { state: next, effects };
  const changes = changesFor(next, known);
  if (changes.length === 0) {
    const last = finish(next, undefined);
    return { state: last.state, effects: [...effects, ...last.effects] };
  }
  return { state: next, effects: [...effects, { do: 'commit', key: 'nodes', changes }] };
}

function changesFor(state: ClientWork, known: View): Change[] {
  return [...new Set(state.done)].flatMap((node) => {
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
  if (complaints.length === 0 && missing.length === 0 && state.refused === 0 && state.broken === 0)
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
