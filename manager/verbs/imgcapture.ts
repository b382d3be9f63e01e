import { expandNoderange } from '../../shared/noderange/index.ts';
import { attribute, changeFor } from '../../shared/objects/index.ts';
import type { StoreAccess } from '../../shared/task/blob.ts';
import { captureDescribeKind, captureReceiveKind, captureSendKind } from '../../shared/task/capture.ts';
import type { CaptureReceiveSpec, CaptureSendSpec, Fetched } from '../../shared/task/capture.ts';
import type { ImagePackResult } from '../../shared/task/image-pack.ts';
import { optionValue } from '../../shared/verb/asked.ts';
import type { Asked } from '../../shared/verb/asked.ts';
import type { Change, Effect, Json, Report } from '../../shared/verb/effect.ts';
import { end } from '../../shared/verb/verb.ts';
import type { Step, Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { beginClassic, classicHeard, isClassicState, type ClassicState } from './image/capture-classic.ts';
import { beginDiskless, disklessHeard, isDisklessState, type DisklessState } from './image/capture-diskless.ts';
import { viewsText } from './image/capture-views.ts';
import { describe, refusal } from './image/description.ts';
import { chooseStore, versionChanges } from './image/new-version.ts';
import { cloneFolders } from './image/pack-clone.ts';
import { megabytes } from './image/text.ts';
import { noSuchNodes } from './tables/answers.ts';

interface State {
  readonly server: string;
  readonly node: string;
  readonly image: string;
  readonly at: number;
  readonly user: string;
  /** Agent that keeps the image. */
  readonly store: string;
  readonly endpoints: readonly string[];
  readonly ticket: string;
  readonly tree: string;
  readonly layoutFile: string;
  readonly install: string;
  readonly osvers: string;
  readonly arch: string;
  /** Tasks that have not ended. */
  readonly open: readonly string[];
  /** What went wrong first. */
  readonly failure: string;
  readonly version: string;
  /** How each file system was read, when the golden client has told. */
  readonly views: string;
  /** What is said of the image once it exists; while only the golden client's word is waited for. */
  readonly kept?: string;
  /** What came over the line, for the last sentence. */
  readonly fetched: string;
  readonly [key: string]: Json;
}

/** Seconds. */
const describing = 600;
const fetching = 24 * 3600;

/** Makes an image of a machine that was installed and tuned by hand. Facts: section 16 of xcat-commands.md. */
export const imgcapture: Verb<State | DisklessState | ClassicState | null> = {
  name: 'imgcapture',
  version: 1,
  changes: true,
  start(asked, known) {
    const refuse = (message: string): Step<null> => end(refusal(asked.server, message));
    const [range = ''] = asked.operands;
    const { nodes, missing } = expandNoderange(known, range, { verify: true, files: asked.files });
    if (missing.length > 0) {
      return noSuchNodes(missing);
    }
    const [node] = nodes;
    if (node === undefined || nodes.length > 1) return refuse('One node can be captured at a time.');
    const type = optionValue(asked, 'type') ?? 'sysclone';
    const server = optionValue(asked, 'classic');
    if (server !== undefined) return beginClassic(asked, node, server);
    if (type === 'diskless') return beginDiskless(asked, known, node);
    if (type !== 'sysclone') return refuse(`The type '${type}' is neither sysclone nor diskless.`);
    const image = optionValue(asked, 'osimage') ?? '';
    if (image === '') return refuse('You must specify osimage name if you are using "sysclone".');
    if (!/^[A-Za-z0-9][\w.+-]{0,200}$/.test(image))
      return refuse(`The osimage name '${image}' may hold only letters, digits and . _ + -`);
    return begin(asked, known, node, image);
  },
  on(state, report, known) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    if (isClassicState(state)) return classicHeard(state, report);
    if (isDisklessState(state)) return disklessHeard(state, report, known);
    if (report.about === 'commit') return committed(state, report, known);
    return state.open.includes('describe') ? described(state, report, known) : fetched(state, report, known);
  },
};

function begin(asked: Asked, known: View, node: string, image: string): Step<State | null> {
  const existing = describe(known, image);
  const store = chooseStore(known, undefined);
  if (store === undefined) {
    return end(
      refusal(
        asked.server,
        "No connected agent has the role 'store', which is to keep the image. Start one: hostler-agent --roles store.",
      ),
    );
  }
  if (node !== store.agent && !store.endpoints.some((endpoint) => endpoint.startsWith('https://'))) {
    return end(
      refusal(
        asked.server,
        `The agent ${store.agent} keeps images, and listens at no address to which ${node} could send. Start it with --serve HOST:PORT, or give a node of its network a boot state first (nodeset).`,
      ),
    );
  }
  if (existing !== undefined && existing.value('provmethod') !== 'sysclone') {
    return end(
      refusal(
        asked.server,
        `The osimage ${image} is there, with the provmethod '${existing.value('provmethod')}'. Take another name, or remove it.`,
      ),
    );
  }
  const location = optionValue(asked, 'location');
  const folders = cloneFolders(
    existing ?? {
      name: image,
      value: (attr) => (attr === 'rootimgdir' && location !== undefined ? `${location}/images/${image}` : ''),
      list: () => [],
    },
    asked.folders.install,
  );
  const state: State = {
    server: asked.server,
    node,
    image,
    at: asked.at,
    user: asked.user,
    store: store.agent,
    endpoints: store.endpoints,
    ticket: asked.seed,
    tree: folders.tree,
    layoutFile: folders.layout,
    install: asked.folders.install,
    osvers: '',
    arch: '',
    open: ['describe'],
    failure: '',
    version: '',
    views: '',
    fetched: '',
  };
  return {
    state,
    effects: [
      { do: 'say', text: `Preparing osimage ${image} on ${node}.\n` },
      {
        do: 'run',
        task: {
          key: 'describe',
          kind: captureDescribeKind,
          title: `Look at ${node}`,
          on: { agent: node },
          spec: {},
          deadline: describing,
        },
      },
    ],
  };
}

type TaskReport = Extract<Report, { about: 'task' }>;

/** The golden client has said what it is: now the other side may fetch. */
function described(state: State, report: TaskReport, known: View): Step<State | null> {
  if (report.outcome !== 'done') {
    return end(failedBecause(state, `Can not prepare Golden Client on ${state.node}.`, report.message));
  }
  const { layout, mounts, foreign, osvers, arch } = report.result as { readonly [key: string]: Json };
  const classic = attribute(known, 'site', 'clustersite', 'sysclonemethod')?.value === 'systemimager';
  // SystemImager's daemon has one module for the whole machine.
  const common = {
    ticket: state.ticket,
    mounts: classic ? [{ at: '/', from: '/' }] : (mounts ?? []),
    ...(classic && { method: 'systemimager' as const }),
  };
  const store: StoreAccess = { agent: state.store, endpoints: state.endpoints };
  const words = { osvers: typeof osvers === 'string' ? osvers : '', arch: typeof arch === 'string' ? arch : '' };
  const receive = {
    ...common,
    ...words,
    image: state.image,
    agent: state.node,
    tree: state.tree,
    layoutFile: state.layoutFile,
    layout: layout ?? null,
    store: { agent: state.store, endpoints: [] },
    ...(classic && { foreign: foreign ?? [] }),
  } satisfies Record<Exclude<keyof CaptureReceiveSpec, 'method' | 'foreign'>, unknown>;
  const send = { ...common, store: { ...store } } satisfies Record<Exclude<keyof CaptureSendSpec, 'method'>, unknown>;
  return {
    state: { ...state, ...words, open: ['receive', 'send'] },
    effects: [
      { do: 'say', text: `Getting osimage "${state.image}" from ${state.node} to ${state.server}.\n` },
      {
        do: 'run',
        task: {
          key: 'receive',
          kind: captureReceiveKind,
          title: `Fetch ${state.node}`,
          on: { role: 'store', agent: state.store },
          spec: receive,
          deadline: fetching,
          lock: `clone:${state.image}`,
          refuseIfLocked: `${state.image} is being captured or packed already. Wait for its end, or take another name.`,
        },
      },
      {
        do: 'run',
        task: {
          key: 'send',
          kind: captureSendKind,
          title: `Let ${state.store} read ${state.node}`,
          on: { agent: state.node },
          spec: send,
          deadline: fetching,
        },
      },
    ],
  };
}

/** Either side may end first; when one fails, the other is stopped, and both are waited for. */
function fetched(state: State, report: TaskReport, known: View): Step<State | null> {
  const open = state.open.filter((key) => key !== report.key);
  if (report.key === 'receive' && report.outcome === 'done') return keep({ ...state, open }, report, known);
  const failure =
    state.failure === '' && report.outcome !== 'done' && state.version === '' ? report.message : state.failure;
  const next = { ...state, open, failure, views: report.key === 'send' ? viewsText(report) : state.views };
  if (state.kept !== undefined) return told(next, state.kept);
  if (failure === '' || open.length > 0) {
    const other = open[0];
    const stop: Effect[] =
      failure !== '' && other !== undefined
        ? [{ do: 'stop', key: other, reason: `the capture failed: ${failure}` }]
        : [];
    return { state: next, effects: stop };
  }
  return end(failedBecause(state, `Can not get image ${state.image} from ${state.node}.`, failure));
}

/** The tree is here and packed: the image exists from this commit on. */
function keep(state: State, report: Extract<TaskReport, { outcome: 'done' }>, known: View): Step<State> {
  const result = report.result as unknown as ImagePackResult;
  const version = `${state.image}@${result.manifest.digest.slice(0, 12)}`;
  const changes: Change[] = versionChanges(state, version, result, report.agent, known);
  const isNew = !known.has('osimage', state.image);
  const definition = isNew ? [changeFor(known, 'osimage', state.image, attributesOf(state))] : [];
  const { capture } = report.result as { readonly [key: string]: Json };
  return {
    state: { ...state, version, fetched: fetchedText(capture as unknown as Fetched | undefined) },
    effects: [{ do: 'commit', key: isNew ? 'created' : 'kept', changes: merged([...definition, ...changes]) }],
  };
}

function fetchedText(fetched: Fetched | undefined): string {
  if (fetched === undefined) return '';
  const { files, bytes, whole, passes, quiet, edited } = fetched;
  const kept =
    edited === undefined
      ? ''
      : `The tree had edits that no version has (${edited.paths.join(', ')}): it is kept as ${edited.folder} until the next one. packimage before a capture makes a version of them.\n`;
  const noise = quiet ? '' : ' It was never quiet: files that changed while they were read may not fit each other.';
  return `${files} files (${megabytes(bytes)} of ${megabytes(whole)}) came over the line in ${passes} passes.${noise}\n${kept}`;
}

/** One change an object. */
function merged(changes: readonly Change[]): Change[] {
  const found = new Map<string, Change>();
  for (const change of changes) {
    const key = `${change.type}/${change.name}`;
    const before = found.get(key);
    found.set(
      key,
      before === undefined ? change : { ...before, ...change, values: { ...before.values, ...change.values } },
    );
  }
  return [...found.values()];
}

function attributesOf({ osvers, arch, tree, install }: State): Record<string, string> {
  return {
    imagetype: 'linux',
    osname: 'Linux',
    osarch: arch,
    osvers,
    otherpkgdir: `${install}/post/otherpkgs/${osvers}/${arch}`,
    provmethod: 'sysclone',
    rootimgdir: tree,
    postscripts: 'efibootloader,update_network',
  };
}

function committed(state: State, report: Extract<Report, { about: 'commit' }>, known: View): Step<State | null> {
  if (report.outcome === 'conflict')
    return end(failedBecause(state, `Can not get image ${state.image} from ${state.node}.`, report.message));
  const text =
    report.key === 'created'
      ? `The osimage definition for ${state.image} was created.\n`
      : `Using the existing osimage "${state.image}" defined on ${state.server}.\n`;
  // How it was read is known when the golden client has put all back as it was.
  const speaks = known.reported('agent', state.node)?.['agent.state'] === 'connected';
  if (state.open.includes('send') && speaks) return { state: { ...state, kept: text }, effects: [] };
  return told(state, text);
}

function told(state: State, text: string): Step<State | null> {
  return end(
    {
      do: 'say',
      text: `${text}${state.fetched}${state.views}The image is ${state.version}; nodeset gives it to nodes.\n`,
    },
    { do: 'done', exit: 0 },
  );
}

function failedBecause(state: State, what: string, why: string): Effect {
  return { do: 'refuse', code: 'failed_precondition', message: `Error: [${state.server}]: ${what}\n${why}`, exit: 1 };
}
