import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import type { Vm } from '../lab/vm.ts';
import type { Commands } from './commands.ts';
import { type Milestone, type State, milestones, stateOf } from './node-state.ts';
import { print } from './show.ts';

/** Software emulation on a busy machine; 30 s when it is quiet. */
const boundSeconds = 900;

/** What a stage means, for people. */
const meaning: Readonly<Record<string, string>> = {
  dhcp: 'got an address',
  loader: 'boot loader fetched its script',
  kernel: 'kernel fetched',
  initrd: 'initrd runs',
  image: 'image fetched, digest right',
  switched: 'root switched to the image',
  registered: 'registered, has its certificate',
  postscripts: 'postscripts ended',
  booted: 'booted',
};

export function stageText(stage: string): string {
  return meaning[stage] ?? stage;
}

/**
 * Watches the node come up, telling each stage once. Returns when the manager calls it booted. Throws when the machine
 * ends, when the node is reported as failed, or when it takes too long.
 */
export async function watchBoot(commands: Commands, node: string, vm: Vm, signal: AbortSignal): Promise<State> {
  const began = Date.now();
  const told = new Set<string>();
  for (;;) {
    const state = await stateOf(commands, 'node', node);
    for (const { stage, at } of milestones(state)) {
      if (told.has(stage) || at < began - 5_000) continue;
      told.add(stage);
      print(`    ${((at - began) / 1000).toFixed(1).padStart(6)} s  ${stageText(stage)}`);
    }
    const status = state['nodelist.status'] ?? '';
    if (status === 'booted' && told.has('booted')) return state;
    if (/fail|refused/.test(status))
      throw new HostlerError(
        'aborted',
        `the node is reported as '${status}': ${state['boot.error'] ?? 'no reason given'}`,
      );
    if (vm.over() !== undefined) throw new HostlerError('aborted', vm.over() ?? '');
    if (Date.now() - began > boundSeconds * 1000)
      throw new HostlerError(
        'deadline_exceeded',
        `${node} did not come up within ${String(boundSeconds)} s (status '${status}')`,
      );
    await delay(500, undefined, { signal });
  }
}

/** One line a stage: since power on, and since the stage before. */
export function timelineText(stages: readonly Milestone[], poweredOn: number): string {
  let before = poweredOn;
  return stages
    .map(({ stage, at }) => {
      const line = `    ${((at - poweredOn) / 1000).toFixed(1).padStart(7)} s  +${((at - before) / 1000).toFixed(1).padStart(5)}  ${stage.padEnd(12)} ${stageText(stage)}`;
      before = at;
      return line;
    })
    .join('\n');
}
