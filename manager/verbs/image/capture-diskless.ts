import { unbuildable } from '../../../shared/distro/release.ts';
import { attribute, changeFor, commaList } from '../../../shared/objects/index.ts';
import { captureDescribeKind, captureSendKind } from '../../../shared/task/capture.ts';
import { captureDisklessKind } from '../../../shared/task/capture-diskless.ts';
import type { CaptureDisklessResult, CaptureDisklessSpec } from '../../../shared/task/capture-diskless.ts';
import type { ImageBuildSpec } from '../../../shared/task/image-build.ts';
import { optionValue, type Asked } from '../../../shared/verb/asked.ts';
import type { Effect, Json, Report } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';
import { viewsText } from './capture-views.ts';
import { builderColumn, describe, refusal, words, type Description } from './description.ts';
import { megabytes } from './text.ts';

/** `imgcapture NODE -t diskless`: a stateless image of a running node (facts: xcat-commands.md section 16). */
export interface DisklessState {
  readonly diskless: true;
  readonly server: string;
  readonly node: string;
  /** As given; empty: named by release, architecture and profile. */
  readonly image: string;
  readonly profile: string;
  readonly nodebootif: string;
  readonly otherifce: string;
  readonly netdrivers: string;
  readonly install: string;
  readonly ticket: string;
  /** Agent that keeps and makes it. */
  readonly maker: string;
  readonly endpoints: readonly string[];
  readonly osvers: string;
  readonly arch: string;
  readonly rootimgdir: string;
  readonly open: readonly string[];
  readonly failure: string;
  /** How each file system was read, when the node has told. */
  readonly views?: string;
  readonly done: boolean;
  readonly [key: string]: Json;
}

export function isDisklessState(state: { readonly [key: string]: Json }): state is DisklessState {
  return state['diskless'] === true;
}

/** Seconds. */
const describing = 600;
const fetching = 24 * 3600;

export function beginDiskless(asked: Asked, known: View, node: string): Step<DisklessState | null> {
  const refuse = (message: string): Step<null> => end(refusal(asked.server, message));
  const option = (name: string): string => optionValue(asked, name) ?? '';
  const image = option('osimage');
  for (const [what, word] of [
    ['osimage name', image],
    ['profile', option('profile')],
  ] as const)
    if (word !== '' && !/^[A-Za-z0-9][\w.+-]{0,200}$/.test(word))
      return refuse(`The ${what} '${word}' may hold only letters, digits and . _ + -`);
  const existing = image === '' ? undefined : describe(known, image);
  if (existing !== undefined && existing.value('provmethod') !== 'netboot')
    return refuse(
      `The osimage ${image} is there, with the provmethod '${existing.value('provmethod')}'. Take another name, or remove it.`,
    );
  const maker = [...known.reportedRows('agent')]
    .filter(([, row]) => {
      const roles = words(row['agent.roles'] ?? '');
      return row['agent.state'] === 'connected' && roles.includes('store') && roles.includes('build');
    })
    .map(([agent, row]) => ({ agent, endpoints: words(row['agent.store'] ?? '') }))
    .sort((a, b) => (a.agent < b.agent ? -1 : 1))
    .find(({ endpoints }) => endpoints.length > 0);
  if (maker === undefined)
    return refuse(
      "No connected agent has both roles 'store' and 'build', which fetch the node and make an image of it. Start one: hostler-agent --roles store,build.",
    );
  const own = (attr: string): string => attribute(known, 'node', node, attr)?.value ?? '';
  const state: DisklessState = {
    diskless: true,
    server: asked.server,
    node,
    image,
    profile: existing?.value('profile') || option('profile') || own('profile') || 'compute',
    nodebootif: option('nodebootif'),
    otherifce: option('otherifce'),
    netdrivers: option('netdrivers'),
    install: asked.folders.install,
    ticket: asked.seed,
    maker: maker.agent,
    endpoints: maker.endpoints,
    osvers: '',
    arch: '',
    rootimgdir: '',
    open: ['describe'],
    failure: '',
    done: false,
  };
  const task = {
    key: 'describe',
    kind: captureDescribeKind,
    title: `Look at ${node}`,
    on: { agent: node },
    spec: { type: 'diskless' },
    deadline: describing,
  };
  return {
    state,
    effects: [
      { do: 'say', text: `Capturing image on ${node}...\n` },
      { do: 'run', task },
    ],
  };
}

export function disklessHeard(state: DisklessState, report: Report, known: View): Step<DisklessState | null> {
  if (report.about === 'commit')
    return report.outcome === 'conflict'
      ? end(failure(state, report.message))
      : end(
          {
            do: 'say',
            text: `Done.\n${state.views ?? ''}The osimage is ${state.image}; packimage ${state.image} makes it bootable.\n`,
          },
          { do: 'done', exit: 0 },
        );
  if (report.about !== 'task') return { state, effects: [] };
  if (state.open.includes('describe')) return described(state, report, known);
  return fetched(state, report, known);
}

type TaskReport = Extract<Report, { about: 'task' }>;

function described(state: DisklessState, report: TaskReport, known: View): Step<DisklessState | null> {
  if (report.outcome !== 'done') return end(failure(state, report.message));
  const { mounts, ...named } = report.result as {
    readonly mounts: Json;
    readonly osvers: string;
    readonly arch: string;
  };
  const image = state.image === '' ? `${named.osvers}-${named.arch}-netboot-${state.profile}` : state.image;
  const existing = describe(known, image);
  for (const [attr, value] of Object.entries({ osvers: named.osvers, osarch: named.arch })) {
    const has = existing?.value(attr) ?? '';
    if (has !== '' && has !== value)
      return end(failure(state, `The osimage ${image} is of ${attr} ${has}, and ${state.node} of ${value}.`));
  }
  const runtime = attribute(known, 'site', 'clustersite', `noderuntime.${named.arch}`)?.value ?? '';
  const problem = unbuildable(named.osvers, named.arch, runtime);
  if (problem !== undefined) return end(failure(state, problem));
  const rootimgdir =
    existing?.value('rootimgdir') || `${state.install}/netboot/${named.osvers}/${named.arch}/${state.profile}`;
  const next: DisklessState = { ...state, ...named, image, rootimgdir, open: ['fetch', 'send'] };
  const folder = `${state.install}/custom/netboot`;
  const platform = named.osvers.replace(/[\d.].*$/, '');
  const spec: CaptureDisklessSpec = {
    agent: state.node,
    ticket: state.ticket,
    mounts: [],
    build: buildSpec(next, existing, runtime, known),
    lists: [`${folder}/${platform}`, folder],
  };
  const mounted = { mounts: mounts ?? [] };
  const store = { agent: state.maker, endpoints: state.endpoints };
  return {
    state: next,
    effects: [
      { do: 'say', text: `Transfering the image captured on ${state.node} back...\n` },
      {
        do: 'run',
        task: {
          key: 'fetch',
          kind: captureDisklessKind,
          title: `Make ${image} of ${state.node}`,
          on: { role: 'build', agent: state.maker },
          spec: { ...(spec as unknown as { readonly [key: string]: Json }), ...mounted },
          deadline: fetching,
          lock: `clone:${image}`,
          refuseIfLocked: `${image} is being captured already. Wait for its end, or take another name.`,
        },
      },
      {
        do: 'run',
        task: {
          key: 'send',
          kind: captureSendKind,
          title: `Let ${state.maker} read ${state.node}`,
          on: { agent: state.node },
          spec: { ticket: state.ticket, ...mounted, store },
          deadline: fetching,
        },
      },
    ],
  };
}

/** What genimage would be asked, without packages. */
function buildSpec(
  state: DisklessState,
  existing: Description | undefined,
  noderuntime: string,
  known: View,
): ImageBuildSpec {
  const given = (attr: 'netdrivers' | 'nodebootif' | 'otherifce'): string =>
    state[attr] || (existing?.value(attr) ?? '');
  const stays = attribute(known, 'site', 'clustersite', 'nodeagent')?.value === 'stay';
  return {
    image: state.image,
    osvers: state.osvers,
    arch: state.arch,
    profile: state.profile,
    rootimgdir: state.rootimgdir,
    ...{ pkgdir: [], pkglist: [], otherpkgdir: [], otherpkglist: [], postinstall: [], driverupdatesrc: [] },
    ...{ kernelver: existing?.value('kernelver') ?? '', krpmver: '', kerneldir: '', ignorekernelchk: false },
    netdrivers: commaList(given('netdrivers')),
    permission: existing?.value('permission') || '755',
    interfaces: [...commaList(given('nodebootif')), ...commaList(given('otherifce'))],
    ...{
      rootlimit: '',
      tmplimit: '',
      search: false,
      environment: {},
      onlyinitrd: false,
      noupdate: false,
      fresh: false,
    },
    noderuntime,
    nodeagent: stays ? 'stay' : 'once',
    addkcmdline: '',
    cacheBytes: 0,
  };
}

/** Either side may end first; when one fails, the other is stopped, and both are waited for. */
function fetched(state: DisklessState, report: TaskReport, known: View): Step<DisklessState | null> {
  const open = state.open.filter((key) => key !== report.key);
  if (report.key === 'fetch' && report.outcome === 'done')
    return made({ ...state, open, done: true }, report.result as unknown as CaptureDisklessResult, report.agent, known);
  const failed = state.failure === '' && report.outcome !== 'done' && !state.done ? report.message : state.failure;
  const next = { ...state, open, failure: failed, ...(report.key === 'send' && { views: viewsText(report) }) };
  const [other] = open;
  if (failed !== '' && other === undefined) return end(failure(state, failed));
  const stop: Effect[] =
    failed === '' || other === undefined ? [] : [{ do: 'stop', key: other, reason: `the capture failed: ${failed}` }];
  return { state: next, effects: stop };
}

function made(
  state: DisklessState,
  result: CaptureDisklessResult,
  agent: string,
  known: View,
): Step<DisklessState | null> {
  const { image, osvers, arch, profile, rootimgdir, install } = state;
  const options = { nodebootif: state.nodebootif, otherifce: state.otherifce, netdrivers: state.netdrivers };
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== ''));
  const definition = {
    imagetype: 'linux',
    provmethod: 'netboot',
    profile,
    osname: 'Linux',
    osvers,
    osarch: arch,
    otherpkgdir: `${install}/post/otherpkgs/${osvers}/${arch}`,
    rootimgdir,
    permission: '755',
  };
  const values = known.has('osimage', image) ? given : { ...definition, ...given };
  const list = result.exlist === '' ? '' : ` by ${result.exlist}`;
  return {
    state,
    effects: [
      {
        do: 'say',
        text:
          `Generating kernel and initial ramdisks...\n` +
          `${rootimgdir}/rootimg: ${result.packages} packages, kernel ${result.kernelver}; ${megabytes(result.received)} of ${megabytes(result.bytes)} came over the line${list}.\n`,
      },
      { do: 'observe', type: 'osimage', name: image, values: { [builderColumn]: agent } },
      { do: 'commit', key: 'defined', changes: [changeFor(known, 'osimage', image, values)] },
    ],
  };
}

function failure(state: DisklessState, why: string): Effect {
  return {
    do: 'refuse',
    code: 'failed_precondition',
    message: `Error: [${state.server}]: Can not capture ${state.node}.\n${why}`,
    exit: 1,
  };
}
