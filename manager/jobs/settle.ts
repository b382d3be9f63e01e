import { HostlerError } from '../../shared/errors/error.ts';
import type { Report, TaskRequest } from '../../shared/verb/effect.ts';
import type { Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import type { Placement } from '../fleet/types.ts';
import type { Draft } from './draft.ts';
import { withExpected, withSignatures } from './effects.ts';
import { type Ending, type StepRecord, isEnded, isOpen } from './record.ts';

/** What a job needs to know to go on. */
export interface World {
  readonly view: View;
  place(on: TaskRequest['on'], kind: string): Placement;
  /** Who holds the lock, for people; undefined: it was free, and is the task's now. */
  takeLock(lock: string, task: string): string | undefined;
  /** By the manager's key for images. */
  readonly sign: (text: string) => string;
  /** A verb threw something that is no HostlerError. */
  bug(thrown: unknown): void;
}

/** A verb that answers its reports with reports for ever is broken. */
const mostReports = 10_000;

/** Goes on until a commit is due, something has to be waited for, or the job has ended. */
export function settle(draft: Draft, verb: Verb, world: World): void {
  for (let round = 0; round < mostReports; round++) {
    if (isEnded(draft.record) || draft.commit !== undefined) return;
    const report = draft.takeReport();
    if (report !== undefined) {
      hear(draft, verb, report, world);
      continue;
    }
    for (const step of draft.record.steps) if (step.state === 'waiting') placeStep(draft, step, world);
    if (draft.record.inbox.length > 0) continue;
    if (!draft.record.steps.some(isOpen)) draft.close(draft.record.ending ?? stalled(draft, verb));
    return;
  }
  draft.end(broken(verb, 'it never comes to an end'));
}

function hear(draft: Draft, verb: Verb, report: Report, world: World): void {
  try {
    if (verb.on === undefined) {
      unheard(draft, report);
      return;
    }
    const step = verb.on(draft.record.state, report, world.view);
    const effects = withExpected(withSignatures(step.effects, world.sign), world.view);
    draft.setState(step.state);
    draft.perform(effects);
  } catch (thrown) {
    if (!(thrown instanceof HostlerError)) world.bug(thrown);
    const { code, message } = HostlerError.from(thrown);
    draft.end({ status: 'failed', exit: 1, code, message });
  }
}

/** A verb without `on` takes every failure for its own. */
function unheard(draft: Draft, report: Report): void {
  if (report.about === 'commit' && report.outcome === 'conflict') {
    draft.end({ status: 'refused', exit: 1, code: 'aborted', message: report.message });
  } else if (report.about === 'task' && report.outcome !== 'done') {
    draft.end({ status: 'failed', exit: 1, code: report.code, message: report.message });
  }
}

function placeStep(draft: Draft, step: StepRecord, world: World): void {
  const holder = step.lock === undefined ? undefined : world.takeLock(step.lock, step.task);
  if (holder !== undefined) {
    if (step.refuseIfLocked !== undefined) {
      draft.taskEnded(step.task, { outcome: 'failed', code: 'aborted', message: step.refuseIfLocked });
    } else if (step.message === '') {
      draft.update(step.task, { message: `waits for ${holder}` });
    }
    return;
  }
  const placement = world.place(step.on, step.kind);
  if (placement.outcome === 'nobody') {
    draft.taskEnded(step.task, { outcome: 'failed', code: placement.code, message: placement.message });
    return;
  }
  const { agent, incarnation } = placement;
  draft.update(step.task, { state: 'sent', agent, incarnation, message: '' });
}

function stalled(draft: Draft, verb: Verb): Ending {
  if (draft.record.status === 'cancelling') {
    return { status: 'cancelled', exit: 1, code: 'cancelled', message: 'Cancelled.' };
  }
  return broken(verb, 'it waits for nothing');
}

function broken(verb: Verb, why: string): Ending {
  const message = `The command ${verb.name} has a fault: ${why}. What it did so far stands in its events.`;
  return { status: 'failed', exit: 1, code: 'internal', message };
}
