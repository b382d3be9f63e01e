import { attribute, commaList } from '../../shared/objects/index.ts';
import { scriptsKind, type ScriptsSpec } from '../../shared/task/scripts.ts';
import { readTimeline } from '../../shared/task/timeline.ts';
import { statusTime } from '../../shared/text/status-time.ts';
import { hasFlag, optionValue, type Asked } from '../../shared/verb/asked.ts';
import type { Effect, Json, Report } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { serversOf } from './boot/node-plan.ts';
import { scriptCalls } from './boot/script-calls.ts';
import { scriptEnvironment } from './boot/script-environment.ts';
import { clusterOf, httpsEndpoints } from './boot/service-plan.ts';
import { placeOf } from './boot/servers.ts';
import { serveAgain } from './boot/serve-again.ts';
import type { PlanFor } from './boot/tasks.ts';

interface State {
  readonly node: string;
  readonly agent: string;
  readonly bootId: string;
  readonly at: number;
  readonly once: boolean;
  /** For what a service node is to serve; a state of an earlier version has it not. */
  readonly plan?: {
    readonly server: string;
    readonly seed: string;
    readonly folders: { readonly [name: string]: string };
  };
  readonly [key: string]: Json;
}

const scriptsStep = 'scripts';

/** Seconds for all scripts of a node. */
const deadline = 4 * 3600;

/**
 * What the manager does by itself with a node that is heard from for the first time in its present life: notes what
 * runs there, runs the node's postscripts, and says `booted` or `failed`. See manager/jobs/bootnode.ts for what it is
 * told.
 */
export const bootnode: Verb<State | null> = {
  name: 'bootnode',
  version: 1,
  changes: true,
  start(asked, known) {
    const [node = ''] = asked.operands;
    const agent = optionValue(asked, 'agent') ?? node;
    const state: State = {
      node,
      agent,
      bootId: optionValue(asked, 'bootid') ?? '',
      at: asked.at,
      once: hasFlag(asked, 'once'),
      plan: { server: asked.server, seed: asked.seed, folders: { ...asked.folders } },
    };
    // Told by an agent about another node, or about one that was removed meanwhile: nothing is ours to note.
    if (!known.has('node', node) || (asked.user.startsWith('agent:') && asked.user !== `agent:${node}`)) {
      const text = `${node}: [${asked.server}]: Error: no such node\n`;
      return end({ do: 'say', text, error: true }, ...leave(state, 'it is no node of this cluster'), {
        do: 'done',
        exit: 1,
      });
    }
    return arrived(asked, known, state);
  },
  on(state, report, known) {
    if (state === null || report.about !== 'task') return { state, effects: [] };
    return report.key === scriptsStep ? scriptsEnded(state, report, known) : servesAgain(state, report);
  },
};

function arrived(asked: Asked, known: View, state: State): Step<State | null> {
  const { node } = state;
  const running = optionValue(asked, 'imagedigest');
  const wanted = known.row('node', node)?.['hostler.image'];
  const said: Effect[] = [
    { do: 'say', text: `${node}: runs ${running ?? 'no image of ours'}, boot ${state.bootId}\n` },
  ];
  if (wanted !== undefined && running !== undefined && wanted !== running) {
    const text = `Warning: ${node} runs the image ${running.slice(0, 12)}, nodeset said ${wanted.slice(0, 12)}; its next boot takes that.\n`;
    said.push({ do: 'say', text, error: true });
  }
  const osimage = attribute(known, 'node', node, 'provmethod')?.value ?? '';
  const postscripts = scriptCalls(known, node, 'postscripts', osimage);
  const postbootscripts = scriptCalls(known, node, 'postbootscripts', osimage);
  const observed: Effect = {
    do: 'observe',
    type: 'node',
    name: node,
    values: {
      'nodelist.status': 'postbooting',
      'nodelist.statustime': statusTime(asked.at),
      'hostler.bootid': state.bootId === '' ? null : state.bootId,
      'hostler.runningimage': running ?? null,
      'hostler.kernel': optionValue(asked, 'kernel') ?? null,
      ...notes(asked, known.reported('node', node) ?? {}),
    },
  };
  // Scripts of an installed machine ran when it was installed; what lives in memory needs them at every boot.
  const onDisk = known.row('node', node)?.['chain.currstate'] === 'boot' && running === wanted && running !== undefined;
  const fresh = known.reported('node', node)?.['hostler.freshinstall'] === 'yes';
  if (postscripts.length + postbootscripts.length === 0 || (onDisk && !fresh)) {
    return finish(state, known, asked.at, undefined, [...said, observed]);
  }
  const spec: ScriptsSpec = {
    node,
    store: storeOf(known, node),
    postscripts,
    postbootscripts,
    environment: scriptEnvironment(known, node),
  };
  const title = `Run ${postscripts.length + postbootscripts.length} postscripts on ${node}`;
  const task = {
    key: scriptsStep,
    kind: scriptsKind,
    title,
    on: { agent: state.agent },
    spec: { ...spec } as unknown as Json,
    deadline,
  };
  return { state, effects: [...said, observed, { do: 'run', task }] };
}

/** Lines that the image left for the report; those of an earlier boot are cleared. */
function notes(asked: Asked, before: Readonly<Record<string, string>>): Record<string, string | null> {
  const cleared = Object.keys(before).filter((column) => column.startsWith('hostler.note.'));
  const now = (asked.options['notes'] ?? []).flatMap((note) => {
    const [, name, value = ''] = /^([\w.-]{1,64})=(.*)$/s.exec(note) ?? [];
    return name === undefined ? [] : [[`hostler.note.${name}`, value] as const];
  });
  return { ...Object.fromEntries(cleared.map((column) => [column, null])), ...Object.fromEntries(now) };
}

/** Where a node gets its scripts: its boot server's store, at the addresses that a machine elsewhere can use. */
function storeOf(known: View, node: string): ScriptsSpec['store'] {
  const { serviceNodes } = clusterOf(known);
  const [server = ''] = serversOf(attribute(known, 'node', node, 'servicenode')?.value ?? '');
  const agent = placeOf(known, server, serviceNodes).agent ?? '';
  return { agent, endpoints: httpsEndpoints(known, agent) };
}

function scriptsEnded(state: State, report: Extract<Report, { about: 'task' }>, known: View): Step<State | null> {
  // A new life of the machine has a bootnode of its own; what this one saw is not true any more.
  if (report.outcome === 'lost') return end({ do: 'done', exit: 1 });
  const at = report.at ?? state.at;
  if (report.outcome !== 'done') return finish(state, known, at, report.message);
  const bad = failures(report.result);
  return finish(state, known, at, bad.length === 0 ? undefined : `postscripts failed: ${bad.join(', ')}`);
}

/** A service node is told what to serve, now that its postscripts have set up its cards; others are done with. */
function finish(
  state: State,
  known: View,
  at: number,
  failure: string | undefined,
  before: readonly Effect[] = [],
): Step<State | null> {
  const effects = [...before, ...ended(state, known, at, failure)];
  const exit = failure === undefined ? 0 : 1;
  const roles = commaList(known.reported('agent', state.agent)?.['agent.roles'] ?? '');
  if (state.plan === undefined || !roles.includes('boot')) return end(...effects, { do: 'done', exit });
  const { task, troubles } = serveAgain(state.plan as unknown as PlanFor, known, state.node);
  const said = troubles.map((trouble): Effect => ({ do: 'say', text: `${trouble}\n`, error: true }));
  if (task === undefined) return end(...effects, ...said, { do: 'done', exit });
  return { state: { ...state, exit }, effects: [...effects, ...said, { do: 'run', task }] };
}

function servesAgain(state: State, report: Extract<Report, { about: 'task' }>): Step<null> {
  const exit = state['exit'] === 0 ? 0 : 1;
  if (report.outcome === 'done') {
    return end({ do: 'say', text: `${state.node}: serves its nodes again\n` }, { do: 'done', exit });
  }
  // Its next life is told by a bootnode of its own.
  if (report.outcome === 'lost') return end({ do: 'done', exit: 1 });
  const text = `Error: ${state.node} does not serve its nodes: ${report.message} Mend that, then makedhcp -a.\n`;
  return end({ do: 'say', text, error: true }, { do: 'done', exit: 1 });
}

function failures(result: Json): string[] {
  const scripts = typeof result === 'object' && result !== null && 'scripts' in result ? result['scripts'] : undefined;
  if (!Array.isArray(scripts)) return [];
  return (scripts as readonly Json[]).flatMap((one) => {
    if (typeof one !== 'object' || one === null || Array.isArray(one)) return [];
    const { name, exit } = one as { readonly [key: string]: Json };
    return typeof name === 'string' && typeof exit === 'number' && exit !== 0 ? [`${name} (exit ${exit})`] : [];
  });
}

/** `booted`, or `failed` with the reason; the timeline ends; an agent that runs once may go. */
function ended(state: State, known: View, at: number, failure: string | undefined): Effect[] {
  const { node } = state;
  const before = readTimeline(known.reported('node', node)?.['boot.timeline']);
  const last = failure === undefined ? { booted: at } : { failed: at };
  const line = failure === undefined ? `${node}: booted\n` : `${node}: failed: ${failure}\n`;
  return [
    {
      do: 'observe',
      type: 'node',
      name: node,
      values: {
        'nodelist.status': failure === undefined ? 'booted' : 'failed',
        'nodelist.statustime': statusTime(at),
        'boot.timeline': JSON.stringify({ ...before, postscripts: at, ...last }),
        'boot.error': failure ?? null,
        ...(failure === undefined && { 'hostler.freshinstall': null }),
      },
    },
    { do: 'say', text: line, error: failure !== undefined },
    ...leave(state, failure === undefined ? 'booted' : 'its postscripts failed'),
  ];
}

function leave({ once, agent }: State, reason: string): Effect[] {
  return once ? [{ do: 'dismiss', agent, reason }] : [];
}
