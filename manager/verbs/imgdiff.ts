import { imageDiffKind, type DiffedImage, type ImageDiffResult } from '../../shared/task/image-diff.ts';
import type { Asked } from '../../shared/verb/asked.ts';
import type { Effect, Json, Report } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { refusal } from './image/description.ts';
import { megabytes } from './image/text.ts';
import { blobOf, findVersion, storeOf, type Version } from './image/versions.ts';
import { orRefused } from './tables/answers.ts';

export interface DiffState {
  readonly names: readonly [string, string];
  readonly server: string;
  readonly json: boolean;
  readonly [key: string]: Json;
}

/** Lines of files that are shown at most. */
const most = 5_000;
/** Seconds. */
const deadline = 3600;

/** imgdiff A B: packages, files and sizes of two versions. Exit 0: no difference; 1: some. */
export const imgdiff: Verb<DiffState | null> = {
  name: 'imgdiff',
  version: 1,
  changes: false,
  start: (asked, known) => orRefused(asked, () => startDiff(asked, known, asked.operands)),
  on: (state, report) => diffed(state, report),
};

/** The same as `hostler image diff A B`. */
export function startDiff(asked: Asked, known: View, operands: readonly string[]): Step<DiffState | null> {
  const [first, second, ...more] = operands;
  if (first === undefined || second === undefined || more.length > 0) {
    return end(refusal(asked.server, 'Say which two image versions: imgdiff A B.'));
  }
  const [a, b] = [findVersion(known, first), findVersion(known, second)];
  const spec = { images: [side(known, a), side(known, b)], most };
  const { agent } = storeOf(known, a);
  const task = {
    key: 'diff',
    kind: imageDiffKind,
    title: `Compare ${a.name} with ${b.name}`,
    on: { agent },
    spec: spec as unknown as Json,
    deadline,
  };
  const state: DiffState = { names: [a.name, b.name], server: asked.server, json: asked.json };
  return { state, effects: [{ do: 'run', task }] };
}

/** What the task found. */
export function diffed(state: DiffState | null, report: Report): Step<DiffState | null> {
  if (state === null || report.about !== 'task') return { state, effects: [] };
  if (report.outcome !== 'done') return end(refusal(state.server, report.message, 2));
  const result = report.result as unknown as ImageDiffResult;
  const equal = result.files.length + result.packages.length === 0;
  const shown: Effect = state.json
    ? { do: 'data', value: { ...result, names: state.names } }
    : { do: 'say', text: textOf(state, result, equal) };
  return end(shown, { do: 'done', exit: equal ? 0 : 1 });
}

function side(known: View, version: Version): DiffedImage {
  return {
    root: blobOf(version, 'root') ?? { digest: '', bytes: 0 },
    manifest: blobOf(version, 'manifest') ?? { digest: '', bytes: 0 },
    bom: blobOf(version, 'bom') ?? { digest: '', bytes: 0 },
    method: (version.row['image.method'] ?? 'squashfs') as DiffedImage['method'],
    from: storeOf(known, version),
  };
}

function textOf({ names }: DiffState, result: ImageDiffResult, equal: boolean): string {
  const [a, b] = names;
  const sizes = result.bytes.map((bytes, at) => `${megabytes(bytes)} (packed ${megabytes(result.packed[at] ?? 0)})`);
  if (equal) return `${a} and ${b} hold the same packages and files: ${sizes[0] ?? ''}.\n`;
  const lines = [`--- ${a}: ${sizes[0] ?? ''}`, `+++ ${b}: ${sizes[1] ?? ''}`];
  if (result.packages.length > 0) lines.push('packages:', ...result.packages.map((line) => `  ${line}`));
  if (result.files.length > 0) lines.push('files:', ...result.files.map((line) => `  ${line}`));
  if (result.leftOut > 0) lines.push(`  ... and ${result.leftOut} more`);
  lines.push(`${result.added} files added, ${result.removed} removed, ${result.changed} changed`);
  return `${lines.join('\n')}\n`;
}
