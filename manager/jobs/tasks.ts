import type { Logger } from 'pino';
import type { Json } from '../../shared/verb/effect.ts';
import type { TaskEnd, TaskListener } from '../fleet/types.ts';
import type { KeySpace } from '../registry/types.ts';
import type { TaskOutcome } from './draft.ts';
import type { Job } from './job.ts';
import { type StepRecord, isOpen, jobOfTask } from './record.ts';
import { TaskFlow, type ProgressReport, offsetKey } from './task-flow.ts';

/** Seconds that a task may take longer than its deadline, which the agent keeps, before it is given up here. */
const grace = 60;

export interface TasksOptions {
  readonly job: (id: string) => Job | undefined;
  readonly events: KeySpace;
  readonly log: Logger;
  readonly now: () => number;
}

/** What the fleet tells about tasks finds its job here. */
export class Tasks implements TaskListener {
  readonly #options: TasksOptions;
  readonly #flows = new Map<string, TaskFlow>();
  /** Of tasks taken up after a restart. */
  readonly #offsets = new Map<string, number>();

  constructor(options: TasksOptions) {
    this.#options = options;
  }

  started(id: string, agent: string, at: number): void {
    const found = this.#find(id, agent);
    if (found?.step.state !== 'sent') return;
    const change = found.job.change((draft) => {
      const step = draft.record.steps.find((each) => each.task === id);
      if (step?.state === 'sent') draft.update(id, { state: 'running', startedAt: at });
    });
    change.catch((error: unknown) =>
      this.#options.log.warn({ err: error, task: id }, 'The start of a task was not kept.'),
    );
  }

  progress(id: string, agent: string, progress: ProgressReport): void {
    this.#flow(id, agent)?.progress(progress);
  }

  /** After a restart, before the links open. */
  loadOffset(id: string, offset: number): void {
    this.#offsets.set(id, offset);
  }

  logOffset(id: string): number {
    return this.#flows.get(id)?.offset ?? this.#offsets.get(id) ?? 0;
  }

  log(id: string, offset: number, text: Uint8Array): void {
    this.#flow(id)?.log(offset, text);
  }

  async result(id: string, agent: string, result: TaskEnd): Promise<void> {
    await this.#ended(id, agent, outcomeOf(result), result.startedAt);
  }

  async lost(id: string, agent: string, message: string): Promise<void> {
    await this.#ended(id, agent, { outcome: 'lost', code: 'unavailable', message }, 0);
  }

  async #ended(id: string, agent: string, outcome: TaskOutcome, startedAt: number): Promise<void> {
    const found = this.#find(id, agent);
    if (found === undefined) return;
    this.#flows.get(id)?.flush();
    await found.job.change((draft) => {
      if (found.step.startedAt === 0 && startedAt > 0) draft.update(id, { startedAt });
      draft.taskEnded(id, outcome);
    });
  }

  /** The step has ended, and that is on the disk. */
  forget(task: string): void {
    this.#flows.delete(task);
    this.#offsets.delete(task);
    const writes = [{ key: offsetKey(task), value: undefined }];
    // A key that stays is a few bytes, and nobody asks for it again.
    this.#options.events.write(writes, { soon: true }).catch(() => undefined);
  }

  /** Gives up running tasks whose agents do not keep the deadline, or do not answer any more. */
  checkDeadline(job: Job, stop: (step: StepRecord, reason: string) => void): void {
    for (const step of job.record.steps) {
      if (step.state !== 'running' || step.deadline === 0 || step.uninterruptible) continue;
      if (this.#options.now() < step.startedAt + (step.deadline + grace) * 1000) continue;
      const message = `${step.title} on ${step.agent} did not end within ${step.deadline} seconds, and the agent does not say why.`;
      stop(step, message);
      void this.#ended(step.task, step.agent, { outcome: 'failed', code: 'deadline_exceeded', message }, 0).catch(
        () => undefined,
      );
    }
  }

  /** The job and the open step of the task; only the agent that has the task is listened to. */
  #find(id: string, agent?: string): { readonly job: Job; readonly step: StepRecord } | undefined {
    const job = this.#options.job(jobOfTask(id));
    const step = job?.record.steps.find((each) => each.task === id);
    if (job === undefined || step === undefined || !isOpen(step)) return undefined;
    if (agent !== undefined && step.agent !== agent) {
      this.#options.log.warn({ task: id, agent, owner: step.agent }, 'An agent spoke of a task that is not its own.');
      return undefined;
    }
    return { job, step };
  }

  #flow(id: string, agent?: string): TaskFlow | undefined {
    const known = this.#flows.get(id);
    if (known !== undefined && agent === undefined) return known;
    const found = this.#find(id, agent);
    if (found === undefined) return undefined;
    if (known !== undefined) return known;
    const { events, log, now } = this.#options;
    const flow = new TaskFlow(
      { id, agent: found.step.agent, offset: this.logOffset(id) },
      found.job.events,
      (writes, settled) => {
        const written = events.write(writes, { soon: true });
        written
          .catch((error: unknown) => log.warn({ err: error, task: id }, 'A piece of a log was not kept.'))
          .finally(settled);
      },
      now,
    );
    this.#flows.set(id, flow);
    return flow;
  }
}

function outcomeOf(end: TaskEnd): TaskOutcome {
  if (end.outcome !== 'done') return { outcome: end.outcome, code: end.code, message: end.message };
  try {
    return { outcome: 'done', result: JSON.parse(end.result === '' ? 'null' : end.result) as Json };
  } catch {
    return { outcome: 'failed', code: 'internal', message: 'The agent sent a result that is not JSON.' };
  }
}
