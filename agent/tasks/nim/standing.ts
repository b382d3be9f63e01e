import type { NimStage } from '../../../shared/task/node-events.ts';
import { clientIsReady } from './master.ts';
import { first, type NimObject } from './objects.ts';
import { uncertain } from './uncertain.ts';

/** Where a machine stands that was set up. */
export interface Standing {
  /** undefined: nothing to tell yet: it waits to be booted. */
  readonly stage: NimStage | undefined;
  /** The step as NIM words it, one line; empty where it says none. */
  readonly detail: string;
  /** True: there is nothing more to wait for. */
  readonly over: boolean;
}

/** From NIM's states to the words that people know (NIM facts, sections 6 and 11). undefined: NIM forgot the machine. */
export function standingOf(machine: NimObject | undefined): Standing {
  if (machine === undefined) return { stage: undefined, detail: '', over: true };
  const booting = first(machine, 'Mstate') === uncertain.booting;
  const up = first(machine, 'Mstate') === uncertain.running;
  if (machine.type !== 'standalone') {
    if (clientIsReady(machine)) return { stage: undefined, detail: '', over: true };
    if (up) return { stage: 'nim-booted', detail: '', over: true };
    return { stage: booting ? 'nim-netbooting' : undefined, detail: '', over: false };
  }
  const result = first(machine, 'Cstate_result');
  const step = oneLine(first(machine, 'info'));
  if (result === uncertain.resultFailure)
    return {
      stage: 'nim-failed',
      detail: oneLine(first(machine, 'err_info')) || step || 'NIM says failure',
      over: true,
    };
  if (clientIsReady(machine))
    // Reset by hand: whoever did that knows.
    return result === uncertain.resultSuccess
      ? { stage: 'nim-booted', detail: '', over: true }
      : { stage: undefined, detail: '', over: true };
  const state = first(machine, 'Cstate').toLowerCase();
  const installing = uncertain.installing.some((words) => state.includes(words.toLowerCase()));
  if (installing || step !== '') return { stage: 'nim-installing', detail: step, over: false };
  return { stage: booting ? 'nim-booting' : undefined, detail: '', over: false };
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 300);
}
