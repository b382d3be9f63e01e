import { ticketFor } from '../../shared/identity/ticket.ts';
import { attribute, commaList } from '../../shared/objects/index.ts';
import { cloneServeKind, cloneSyncKind } from '../../shared/task/clone-sync.ts';
import type { CloneServeSpec, CloneSyncResult, CloneSyncSpec } from '../../shared/task/clone-sync.ts';
import { hasFlag, type Asked } from '../../shared/verb/asked.ts';
import type { Effect, Json, Report } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { describe } from './image/description.ts';
import { goldenVersion, isGolden } from './image/golden.ts';
import { megabytes } from './image/text.ts';
import { blobOf, currentName, storeOf, versionNamed, type Version } from './image/versions.ts';
import { statusTime } from '../../shared/text/status-time.ts';
import { failed, withNodes } from './tables/answers.ts';

interface State {
  readonly server: string;
  readonly at: number;
  readonly verbose: boolean;
  readonly json: boolean;
  /** Tasks that have not ended: key to node, or to nothing for those that serve. */
  readonly open: { readonly [key: string]: string };
  /** Which task serves which others. */
  readonly served: { readonly [serve: string]: readonly string[] };
  /** Root digest that each node is brought to. */
  readonly roots: { readonly [node: string]: string };
  readonly failed: readonly string[];
  readonly [key: string]: Json;
}

/** Seconds. */
const deadline = 12 * 3600;

/** `updatenode NODERANGE -S`: installed clones get what changed in their golden image. Its other parts are not built. */
export const updatenode: Verb<State | null> = {
  name: 'updatenode',
  version: 1,
  changes: true,
  start: (asked, known) =>
    withNodes<State | null>(asked, known, asked.operands[0] ?? '', (nodes) => {
      const others = ['sync', 'snsync', 'scripts', 'security', 'genmypost', 'sn', 'updateallsw', 'cmdlineonly'].filter(
        (option) => hasFlag(asked, option),
      );
      if (others.length > 0 || asked.operands.length > 1)
        return failed(
          asked,
          `Of updatenode only -S is built in this version of Hostler, for nodes installed from a golden image (sysclone); ${others.length > 0 ? `--${others.join(' --')}` : (asked.operands[1] ?? '')} is not.`,
        );
      if (!hasFlag(asked, 'sw'))
        return failed(
          asked,
          'Without options updatenode would do -S, -P and -F; of these only -S is built in this version of Hostler. Say updatenode NODERANGE -S.',
        );
      return begin(asked, known, nodes);
    }),
  on(state, report, known) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    return report.about === 'task' ? taskEnded(state, report, known) : { state, effects: [] };
  },
};

function begin(asked: Asked, known: View, nodes: readonly string[]): Step<State | null> {
  const byVersion = new Map<string, { version: Version; nodes: string[] }>();
  const troubles: string[] = [];
  for (const node of nodes) {
    const found = versionFor(known, node);
    if (typeof found === 'string') troubles.push(`${node}: [${asked.server}]: Error: ${found}\n`);
    else {
      const group = byVersion.get(found.name) ?? { version: found, nodes: [] };
      group.nodes.push(node);
      byVersion.set(found.name, group);
    }
  }
  const effects: Effect[] = troubles.length === 0 ? [] : [{ do: 'say', text: troubles.join(''), error: true }];
  const open: Record<string, string> = {};
  const served: Record<string, string[]> = {};
  const roots: Record<string, string> = {};
  for (const [at, { version, nodes: its }] of [...byVersion.values()].entries()) {
    const serve = `serve-${at + 1}`;
    const keys = its.map((_, index) => `sync-${at + 1}-${index + 1}`);
    effects.push(...tasksOf(asked, known, version, its, serve, keys));
    open[serve] = '';
    served[serve] = keys;
    for (const [index, node] of its.entries()) {
      open[keys[index] ?? ''] = node;
      roots[node] = version.root;
    }
  }
  if (byVersion.size === 0) return end(...effects, { do: 'done', exit: 1 });
  const { server, at } = asked;
  const state: State = {
    server,
    at,
    verbose: hasFlag(asked, 'verbose'),
    json: asked.json,
    open,
    served,
    roots,
    failed: troubles.map((line) => line.split(':', 1)[0] ?? ''),
  };
  return { state, effects: [...effects, ...Object.keys(roots).map((node) => status(node, 'syncing', at))] };
}

/** The image of an installed clone as it is now, or why there is none. */
function versionFor(known: View, node: string): Version | string {
  const image = attribute(known, 'node', node, 'provmethod')?.value ?? '';
  const method = describe(known, image)?.value('provmethod');
  if (method !== 'sysclone')
    return image === ''
      ? 'It has no image (provmethod); updatenode -S serves nodes that were installed from a golden image.'
      : `${image} is no golden image; -S for other images is not built in this version of Hostler.`;
  const state = attribute(known, 'node', node, 'currstate')?.value ?? '';
  if (state !== 'boot') return `It is not installed yet (its state is ${state === '' ? 'empty' : state}).`;
  const name = currentName(known, image);
  const version = name === undefined ? undefined : versionNamed(known, name);
  if (version === undefined || version.removing || !isGolden(version))
    return `There is no packed golden tree of ${image}.`;
  return version;
}

function tasksOf(
  asked: Asked,
  known: View,
  version: Version,
  nodes: readonly string[],
  serve: string,
  keys: readonly string[],
): Effect[] {
  const store = storeOf(known, version);
  const ticket = (node: string): string => ticketFor(asked.seed, node);
  const spec: CloneServeSpec = {
    version: goldenVersion(known, version, asked.folders.install),
    pieces: blobOf(version, 'files')?.digest ?? '',
    takers: nodes.map((node) => ({
      node,
      groups: commaList(attribute(known, 'node', node, 'groups')?.value ?? ''),
      ticket: ticket(node),
    })),
  };
  const first: Effect = {
    do: 'run',
    task: {
      key: serve,
      kind: cloneServeKind,
      title: `Hand out ${version.name}`,
      on: { role: 'store', agent: store.agent },
      spec: spec as unknown as Json,
      deadline,
    },
  };
  const others = nodes.map((node, index): Effect => {
    const sync: CloneSyncSpec = {
      image: version.osimage,
      root: version.root,
      ticket: ticket(node),
      store,
      target: '/',
    };
    return {
      do: 'run',
      task: {
        key: keys[index] ?? '',
        kind: cloneSyncKind,
        title: `Bring ${node} to ${version.name}`,
        on: { agent: node },
        spec: sync as unknown as Json,
        deadline,
      },
    };
  });
  return [first, ...others];
}

type TaskReport = Extract<Report, { about: 'task' }>;

function taskEnded(state: State, report: TaskReport, known: View): Step<State | null> {
  const { [report.key]: node = '', ...open } = state.open;
  const effects: Effect[] = [];
  let next: State = { ...state, open };
  if (node === '') effects.push(...serverEnded(state, report, open));
  else {
    const done = report.outcome === 'done';
    const at = report.at ?? state.at;
    effects.push(...(done ? told(state, node, report.result as unknown as CloneSyncResult) : []));
    effects.push(status(node, done ? 'synced' : 'failed', at));
    if (done) effects.push(...pinned(state, known, node));
    else {
      effects.push({ do: 'say', text: `${node}: [${state.server}]: Error: ${report.message}\n`, error: true });
      next = { ...next, failed: [...state.failed, node] };
    }
    // Nobody is left to be served by it.
    for (const [serve, keys] of Object.entries(state.served)) {
      if (keys.includes(report.key) && serve in open && !keys.some((key) => key in open))
        effects.push({ do: 'stop', key: serve, reason: 'all nodes have what they need' });
    }
  }
  if (Object.keys(open).length > 0) return { state: next, effects };
  return { state: next, effects: [...effects, { do: 'done', exit: next.failed.length > 0 ? 1 : 0 }] };
}

/** It ends when it is stopped. When it ends before, those that it served have nowhere to go. */
function serverEnded(state: State, report: TaskReport, open: State['open']): Effect[] {
  const waiting = (state.served[report.key] ?? []).filter((key) => key in open);
  if (waiting.length === 0) return [];
  const message = report.outcome === 'done' ? 'it ended' : report.message;
  return [
    { do: 'say', text: `Error: [${state.server}]: ${message}\n`, error: true },
    ...waiting.map((key): Effect => ({ do: 'stop', key, reason: `the image server gives nothing: ${message}` })),
  ];
}

function told(state: State, node: string, result: CloneSyncResult): Effect[] {
  if (state.json) return [{ do: 'data', value: { node, ...result } }];
  const { changed, deleted, bytes, restart } = result;
  const what =
    changed + deleted === 0
      ? 'nothing to change'
      : `${changed} files changed, ${deleted} removed, ${megabytes(bytes)} fetched`;
  const more = restart ? '; the kernel is another one: restart the node to run it' : '';
  const paths = state.verbose ? result.paths.map((line) => `${node}:   ${line}\n`).join('') : '';
  return [{ do: 'say', text: `${node}: ${what}${more}\n${paths}` }];
}

/** From now on the node runs that version, and a start from its disk is nothing to be warned of. */
function pinned(state: State, known: View, node: string): Effect[] {
  const root = state.roots[node] ?? '';
  const observe: Effect = { do: 'observe', type: 'node', name: node, values: { 'hostler.runningimage': root } };
  if (known.row('node', node)?.['hostler.image'] === root) return [observe];
  return [
    observe,
    { do: 'commit', key: `image-${node}`, changes: [{ type: 'node', name: node, values: { 'hostler.image': root } }] },
  ];
}

function status(node: string, word: string, at: number): Effect {
  const values = { 'nodelist.updatestatus': word, 'nodelist.updatestatustime': statusTime(at) };
  return { do: 'observe', type: 'node', name: node, values };
}
