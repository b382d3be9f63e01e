import { expandNoderange } from '../../shared/noderange/index.ts';
import { attribute, objectNames } from '../../shared/objects/index.ts';
import { readTimeline } from '../../shared/task/timeline.ts';
import { hasFlag } from '../../shared/verb/asked.ts';
import type { Effect } from '../../shared/verb/effect.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { describe } from './image/description.ts';
import { columns } from './image/text.ts';
import { noSuchNodes } from './tables/answers.ts';

/** Where the installation of one node is. */
export interface Deploy {
  readonly node: string;
  readonly image: string;
  readonly state: 'waiting' | 'starting' | 'installing' | 'installed' | 'booted' | 'failed';
  /** What it does, as the installer says it; or why it failed. */
  readonly step: string;
  /** Of the fill; -1: not at it. */
  readonly percent: number;
  /** Bytes in a second; 0: unknown. */
  readonly rate: number;
  /** Seconds that the fill still takes; -1: unknown. */
  readonly left: number;
  /** Seconds since it began, or that it took. */
  readonly seconds: number;
  readonly [field: string]: string | number;
}

/** `hostler deploys [NODERANGE]`: the installations of golden images, all on one screen. */
export const deploys: Verb<null> = {
  name: 'deploys',
  version: 1,
  changes: false,
  start(asked, known) {
    const range = asked.operands.join(',');
    const found =
      range === ''
        ? { nodes: objectNames(known, 'node').filter((node) => isGolden(known, node)), missing: [] }
        : expandNoderange(known, range, { verify: true, files: asked.files });
    if (found.missing.length > 0) return noSuchNodes(found.missing);
    const all = found.nodes.map((node) => deployOf(known, node, asked.at));
    const shown = hasFlag(asked, 'all') ? all : all.filter(({ state }) => state !== 'booted');
    if (asked.json) return end(...shown.map((value): Effect => ({ do: 'data', value })), { do: 'done', exit: 0 });
    const rows = shown.map((one) => [
      one.node,
      one.image || '-',
      one.state,
      one.percent < 0 ? '' : `${one.percent} %`,
      one.rate === 0 ? '' : `${(one.rate / 1e6).toFixed(1)} MB/s`,
      one.left < 0 ? '' : duration(one.left),
      one.seconds === 0 ? '' : duration(one.seconds),
      one.step,
    ]);
    const table =
      rows.length === 0
        ? ''
        : columns([['node', 'image', 'state', 'filled', 'rate', 'left', 'since', 'step'], ...rows]);
    return end({ do: 'say', text: `${table}${summary(all)}\n` }, { do: 'done', exit: 0 });
  },
};

function isGolden(known: View, node: string): boolean {
  const image = attribute(known, 'node', node, 'provmethod')?.value ?? '';
  return describe(known, image)?.value('provmethod') === 'sysclone';
}

export function deployOf(known: View, node: string, now: number): Deploy {
  const reported = known.reported('node', node) ?? {};
  const timeline = readTimeline(reported['boot.timeline']);
  const currstate = attribute(known, 'node', node, 'currstate')?.value ?? '';
  const waits = /^(?:install|sysclone)/.test(currstate);
  const stages = Object.entries(timeline).sort((a, b) => a[1] - b[1]);
  const [first, last] = [stages[0], stages.at(-1)];
  const detail = reported['boot.detail'] ?? '';
  const state = stateOf(waits, timeline, reported['nodelist.status'] ?? '');
  const fill = state === 'installing' ? parseFill(detail) : { percent: -1, rate: 0, left: -1 };
  const until = state === 'installed' || state === 'booted' ? (last?.[1] ?? now) : now;
  return {
    node,
    image: attribute(known, 'node', node, 'provmethod')?.value ?? '',
    state,
    step:
      state === 'failed' ? (reported['boot.error'] ?? 'failed') : state === 'installing' ? detail : (last?.[0] ?? ''),
    ...fill,
    seconds: first === undefined || state === 'waiting' ? 0 : Math.max(0, Math.round((until - first[1]) / 1000)),
  };
}

function stateOf(waits: boolean, timeline: Readonly<Record<string, number>>, status: string): Deploy['state'] {
  if (status === 'failed') return 'failed';
  if (!waits) return status === 'booted' ? 'booted' : 'installed';
  if ('installing' in timeline) return 'installing';
  return Object.keys(timeline).length === 0 || status === 'booted' ? 'waiting' : 'starting';
}

/** `filling: 35 %, 120 of 340 MB, 11.5 MB/s`, as the boot server tells it (agent/services/boot/install.ts). */
export function parseFill(detail: string): Pick<Deploy, 'percent' | 'rate' | 'left'> {
  const percent = /(?:^|: )filling: (\d{1,3}) %/.exec(detail)?.[1];
  const [, done, whole] = / ([\d.]+) of ([\d.]+) MB/.exec(detail) ?? [];
  const rate = Number(/ ([\d.]+) MB\/s/.exec(detail)?.[1] ?? 0) * 1e6;
  const rest = (Number(whole ?? 0) - Number(done ?? 0)) * 1e6;
  return {
    percent: percent === undefined ? -1 : Number(percent),
    rate,
    left: rate > 0 && rest >= 0 ? Math.ceil(rest / rate) : -1,
  };
}

function summary(all: readonly Deploy[]): string {
  const count = (state: Deploy['state']): number => all.filter((one) => one.state === state).length;
  const words = (['waiting', 'starting', 'installing', 'installed', 'booted', 'failed'] as const)
    .filter((state) => count(state) > 0)
    .map((state) => `${count(state)} ${state}`);
  const rate = all.reduce((sum, one) => sum + one.rate, 0);
  const left = Math.max(-1, ...all.map((one) => one.left));
  const speed = rate > 0 ? `; ${(rate / 1e6).toFixed(1)} MB/s in all` : '';
  const end = left < 0 ? '' : `, the last fill ends in about ${duration(left)}`;
  return `${all.length} ${all.length === 1 ? 'node' : 'nodes'}${words.length === 0 ? '' : `: ${words.join(', ')}`}${speed}${end}.`;
}

function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds}s`;
  return minutes < 60
    ? `${minutes}m${String(seconds % 60).padStart(2, '0')}s`
    : `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`;
}
