import {
  nimKinds,
  type NimDescribeResult,
  type NimDescribeSpec,
  type NimRemoveImageResult,
  type NimRemoveImageSpec,
  type NimUpdateImageSpec,
} from '../../../shared/task/nim.ts';
import type { Effect, Json, Report } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';
import { buildLock, nimMaster, say } from './common.ts';

/** How far an update of a SPOT has come. */
export interface UpdateWork {
  readonly server: string;
  readonly image: string;
  /** For the prime. */
  readonly spec: Json;
  /** Other masters that may have copies of the SPOT. */
  readonly servers: readonly string[];
  /** Folder for NIM resources, the same on all masters. */
  readonly base: string;
  /** Tasks that are still out. */
  readonly open: readonly string[];
  readonly [key: string]: Json;
}

/**
 * Nobody may use the SPOT, on any master; the prime's is changed; copies of it are removed, so that the next mkdsklsnode
 * brings them anew (NIM facts, 9.2).
 */
export function startUpdate(work: UpdateWork, known: View): Step<UpdateWork> {
  const spec = work.spec as unknown as NimUpdateImageSpec;
  const first = say(`Updating the NIM spot resource named '${spec.spot}'. This could take a while.`);
  if (work.servers.length === 0)
    return { state: { ...work, open: ['update'] }, effects: [first, updateTask(work, known)] };
  const names = [spec.spot, spec.sharedRoot].filter((name) => name !== '');
  const tasks = work.servers.map((agent, index): Effect => ({
    do: 'run',
    task: {
      key: `look-${String(index + 1)}`,
      kind: nimKinds.describe,
      title: `Look who uses ${spec.spot} on ${agent}`,
      on: { role: 'nim', agent },
      spec: { names } satisfies NimDescribeSpec,
    },
  }));
  return { state: { ...work, open: tasks.map((_, index) => `look-${String(index + 1)}`) }, effects: [first, ...tasks] };
}

function updateTask(work: UpdateWork, known: View): Effect {
  const on = nimMaster(known);
  const title = `Update the SPOT of ${work.image}`;
  const task = { key: 'update', kind: nimKinds.updateImage, title, on, uninterruptible: true, lock: buildLock(on) };
  return { do: 'run', task: { ...task, spec: work.spec } };
}

export function onUpdate(
  work: UpdateWork,
  report: Extract<Report, { about: 'task' }>,
  known: View,
): Step<UpdateWork | null> {
  const spec = work.spec as unknown as NimUpdateImageSpec;
  const open = work.open.filter((key) => key !== report.key);
  if (report.outcome !== 'done') {
    const why =
      report.key === 'update' ? `Could not update the image ${work.image}. ${report.message}` : report.message;
    return end({ do: 'refuse', code: report.code, message: `Error: [${work.server}]: ${why}` });
  }
  if (report.key.startsWith('look-')) {
    const used = (report.result as unknown as NimDescribeResult).resources.find(({ allocated }) => allocated);
    if (used !== undefined) {
      const message = `Error: [${work.server}]: ${report.agent}: The resource named '${used.name}' is currently allocated. It is not changed under the nodes that use it: take them away first (rmdsklsnode).`;
      return end({ do: 'refuse', code: 'failed_precondition', message });
    }
    if (open.length > 0) return { state: { ...work, open }, effects: [] };
    return { state: { ...work, open: ['update'] }, effects: [updateTask(work, known)] };
  }
  if (report.key === 'update') {
    const { lines } = report.result as { lines: string[] };
    const said = lines.map((line) => say(`${work.server}: ${line}`));
    if (work.servers.length === 0) return end(...said, { do: 'done', exit: 0 });
    const resources = [
      ...(spec.sharedRoot === '' ? [] : [{ type: 'shared_root', name: spec.sharedRoot }]),
      { type: 'spot', name: spec.spot },
    ];
    const removal: NimRemoveImageSpec = { image: work.image, resources, deleteFiles: true, base: work.base };
    const tasks = work.servers.map((agent, index): Effect => ({
      do: 'run',
      task: {
        key: `clear-${String(index + 1)}`,
        kind: nimKinds.removeImage,
        title: `Remove the copy of ${spec.spot} on ${agent}`,
        on: { role: 'nim', agent },
        uninterruptible: true,
        lock: buildLock({ agent }),
        spec: removal as unknown as Json,
      },
    }));
    return {
      state: { ...work, open: tasks.map((_, index) => `clear-${String(index + 1)}`) },
      effects: [...said, ...tasks],
    };
  }
  const said = (report.result as unknown as NimRemoveImageResult).lines.map((line) => say(`${report.agent}: ${line}`));
  if (open.length > 0) return { state: { ...work, open }, effects: said };
  return end(...said, { do: 'done', exit: 0 });
}
