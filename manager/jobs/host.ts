import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { HostlerError } from '../../shared/errors/error.ts';
import type { Json } from '../../shared/verb/effect.ts';
import { withSecrets } from '../../shared/verb/secret.ts';
import type { Fleet } from '../fleet/types.ts';
import type { Registry } from '../registry/types.ts';
import type { Job, JobHost } from './job.ts';
import { jobSpace } from './job.ts';
import { Locks } from './locks.ts';
import { type JobRecord, type StepRecord, jobKeys } from './record.ts';
import type { World } from './settle.ts';
import type { Tasks } from './tasks.ts';

/** The longest pause between two attempts to write, in milliseconds. */
const longestPause = 30_000;

export interface HostOptions {
  readonly registry: Registry;
  readonly fleet: Fleet;
  readonly log: Logger;
  readonly now: () => number;
  readonly sign: (text: string) => string;
  /** The database and this process do not agree any more: it must end. */
  readonly fatal: (error: HostlerError) => void;
  readonly tasks: Tasks;
  readonly jobByNumber: (number: number) => Job | undefined;
  readonly ended: (job: Job) => void;
}

/** What jobs ask of the rest of the manager. */
export class Host implements JobHost {
  readonly registry: Registry;
  readonly #options: HostOptions;
  readonly #locks = new Locks();
  readonly #closing = new AbortController();

  constructor(options: HostOptions) {
    this.#options = options;
    this.registry = options.registry;
  }

  get closing(): boolean {
    return this.#closing.signal.aborted;
  }

  close(): void {
    this.#closing.abort();
  }

  now(): number {
    return this.#options.now();
  }

  world(job: Job): World {
    const { fleet, registry } = this.#options;
    return {
      view: registry.view,
      place: (on, kind) => fleet.place(on, kind),
      takeLock: (lock, task) => this.takeLock(job.record, lock, task),
      sign: this.#options.sign,
      bug: (thrown) => this.bug(job.record.verb, thrown),
    };
  }

  takeLock(record: JobRecord, lock: string, task: string): string | undefined {
    return this.#locks.take(lock, task, record.number, `job ${record.id} (${record.command})`);
  }

  bug(verb: string, thrown: unknown): void {
    this.#options.log.error({ err: thrown, verb }, 'A verb threw what is no answer.');
  }

  send(job: Job, step: StepRecord): void {
    void this.#send(job, step).catch((error: unknown) => {
      this.#options.log.error({ err: error, task: step.task }, 'A task could not be handed to the fleet.');
    });
  }

  async #send(job: Job, step: StepRecord): Promise<void> {
    const spec = await this.registry.space(jobSpace).get(jobKeys.spec(step.task));
    const { task: id, kind, deadline, uninterruptible, title } = step;
    const { correlation } = job.record;
    // Meanwhile it may have ended.
    if (spec === undefined || this.closing) return;
    const whole = JSON.stringify(withSecrets(spec as Json, this.registry.view));
    const task = { id, kind, spec: whole, deadline, uninterruptible, correlation, title };
    this.#options.fleet.send(step.agent, step.incarnation, task);
  }

  stop(step: StepRecord, reason: string): void {
    this.#options.fleet.cancel(step.agent, step.task, reason);
  }

  dismiss(agent: string, reason: string): void {
    this.#options.fleet.dismiss(agent, reason);
  }

  observe(type: string, name: string, values: Readonly<Record<string, string | null>>): void {
    try {
      this.registry.observe(type, name, values);
    } catch (thrown) {
      this.#options.log.warn({ err: thrown, type, name }, 'What was reported about an object is not kept.');
    }
  }

  stepEnded(step: StepRecord): void {
    this.#options.tasks.forget(step.task);
    if (step.lock === undefined) return;
    for (const number of this.#locks.release(step.lock, step.task)) {
      // It looks for the lock again; where that leads is its own affair.
      this.#options
        .jobByNumber(number)
        ?.change(() => undefined)
        .catch(() => undefined);
    }
  }

  ended(job: Job): void {
    this.#options.ended(job);
  }

  async trouble(error: HostlerError, attempt: number): Promise<void> {
    if (error.code === 'data_loss') this.#options.fatal(error);
    if (this.closing) throw error;
    this.#options.log.warn({ err: error, attempt }, 'The registry cannot be written; the job waits.');
    const signal = this.#closing.signal;
    await pause(Math.min(longestPause, 500 * 2 ** attempt), undefined, { signal }).catch(() => {
      throw error;
    });
  }
}
