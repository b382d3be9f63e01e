import { HostlerError } from '../../shared/errors/error.ts';
import type { Verb } from '../../shared/verb/verb.ts';
import type { CommitInfo, CommitResult, KeyWrite, Registry, SpaceWrites } from '../registry/types.ts';
import { Draft } from './draft.ts';
import { EventLog, type Pending, eventSpace } from './event-log.ts';
import { type JobRecord, type StepRecord, isEnded, isOpen, jobKeys, storedRecord } from './record.ts';
import { type World, settle } from './settle.ts';

/** The engine as one job sees it. */
export interface JobHost {
  readonly registry: Registry;
  /** For `takeLock` the host must know who asks. */
  world(job: Job): World;
  now(): number;
  /** Hands the task to the agent; the specification is on the disk. */
  send(job: Job, step: StepRecord): void;
  stop(step: StepRecord, reason: string): void;
  dismiss(agent: string, reason: string): void;
  /** The step came to its end, and that is on the disk. */
  stepEnded(step: StepRecord): void;
  ended(job: Job): void;
  /** Never throws: what agents report is bounded, and what is beyond that is left out. */
  observe(type: string, name: string, values: Readonly<Record<string, string | null>>): void;
  /** The disk does not take it now: waits before the next attempt. Throws when the engine closes. */
  trouble(error: HostlerError, attempt: number): Promise<void>;
}

/** The key space of records, specifications and log offsets. */
export const jobSpace = 'jobs';

/** One durable job: everything about it happens one after the other, and is on the disk before anybody acts on it. */
export class Job {
  record: JobRecord;
  readonly events: EventLog;
  readonly verb: Verb;
  readonly #host: JobHost;
  #queue: Promise<void> = Promise.resolve();
  #happened: ((draft: Draft) => void)[] = [];
  /** Takes up what happened, as soon as what is under way has ended. */
  #next: Promise<void> | undefined;

  constructor(host: JobHost, verb: Verb, record: JobRecord) {
    this.#host = host;
    this.verb = verb;
    this.record = record;
    this.events = new EventLog(record.id, host.registry.space(eventSpace));
  }

  /** Stores a new job with what its start asked for; rejects, and leaves nothing, when the disk does not take it. */
  create(prepare: (draft: Draft) => void, beside: readonly KeyWrite[]): Promise<void> {
    return this.#enqueue(async () => {
      const draft = new Draft(this.record, this.#host.now());
      prepare(draft);
      settle(draft, this.verb, this.#host.world(this));
      await this.#write(draft, undefined, beside).catch((error: unknown) => {
        for (const step of draft.record.steps) this.#host.stepEnded(step);
        throw error;
      });
      // What comes now is repeated until it works; nobody has to wait for it.
      void this.#enqueue(() => this.#goOn(new Draft(this.record, this.#host.now())));
    });
  }

  /**
   * Something happened. Resolves when it is on the disk, and the job has gone on as far as it can. What happens while
   * the disk is busy is taken together.
   */
  change(apply: (draft: Draft) => void): Promise<void> {
    this.#happened.push(apply);
    return (this.#next ??= this.#enqueue(async () => {
      const all = this.#happened;
      this.#happened = [];
      this.#next = undefined;
      if (isEnded(this.record)) return;
      const draft = new Draft(this.record, this.#host.now());
      for (const each of all) each(draft);
      await this.#goOn(draft);
    }));
  }

  /** After a restart: what the fleet may not have heard is said again. */
  resume(): Promise<void> {
    for (const step of this.record.steps.filter(isOpen)) {
      if (step.state === 'waiting') continue;
      this.#host.send(this, step);
      if (step.stop !== undefined && !step.uninterruptible) this.#host.stop(step, step.stop);
    }
    return this.change(() => undefined);
  }

  /** Resolves when everything asked so far was done. */
  idle(): Promise<void> {
    return this.#queue.catch(() => undefined);
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #goOn(begun: Draft): Promise<void> {
    for (let draft = begun; ; draft = new Draft(this.record, this.#host.now())) {
      settle(draft, this.verb, this.#host.world(this));
      const { commit } = draft;
      if (commit === undefined && draft.record === this.record && draft.events.length === 0) return;
      if (!(await this.#persist(draft)) || commit !== undefined) continue;
      return;
    }
  }

  /** Tries until it is on the disk. False: the registry refused the commit for what it is, and the job ends with that. */
  async #persist(draft: Draft): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#write(draft, draft.commit);
        return true;
      } catch (thrown) {
        const error = HostlerError.from(thrown);
        if (error.code === 'invalid_argument' && draft.commit !== undefined) {
          draft.end({ status: 'refused', exit: 1, code: error.code, message: error.message });
          await this.#persist(draft);
          return false;
        }
        await this.#host.trouble(error, attempt);
      }
    }
  }

  /** One batch: the commit, the record as it is after it, events, specifications. Then the world hears of it. */
  async #write(draft: Draft, commit: Draft['commit'], others: readonly KeyWrite[] = []): Promise<void> {
    let after = draft;
    let pending: Pending | undefined;
    for (const { type, name, values } of draft.observations) this.#host.observe(type, name, values);
    const beside = (result: CommitResult): SpaceWrites[] => {
      if (commit !== undefined) {
        after = draft.fork();
        after.committed(result);
        for (const { type, name, values } of after.observations) this.#host.observe(type, name, values);
      }
      pending = this.events.append(after.events, this.#host.now());
      return [{ space: jobSpace, writes: [...this.#recordWrites(after), ...others] }, EventLog.beside(pending)];
    };
    try {
      await this.#host.registry.commit(this.#commitInfo(), commit?.changes ?? [], beside);
    } finally {
      pending?.settled();
    }
    const before = this.record;
    this.record = after.record;
    this.#act(before, after);
  }

  #commitInfo(): CommitInfo {
    const { user, command, correlation } = this.record;
    return { user, command, correlation, at: this.#host.now() };
  }

  #recordWrites(draft: Draft): KeyWrite[] {
    const { number, steps } = draft.record;
    const moved = steps.flatMap((step, index) =>
      step === this.record.steps[index] ? [] : [{ key: jobKeys.step(number, index), value: step }],
    );
    const specs = [...draft.specs].map(([task, spec]) => ({ key: jobKeys.spec(task), value: spec }));
    return [{ key: jobKeys.record(number), value: storedRecord(draft.record) }, ...moved, ...specs];
  }

  #act(before: JobRecord, draft: Draft): void {
    const earlier = new Map(before.steps.map((step) => [step.task, step]));
    for (const step of this.record.steps) {
      const was = earlier.get(step.task);
      if (was === step) continue;
      if (!isOpen(step)) {
        if (was === undefined || isOpen(was)) this.#host.stepEnded(step);
        continue;
      }
      if (step.state === 'sent' && was?.state !== 'sent') this.#host.send(this, step);
      if (step.stop !== undefined && was?.stop === undefined && !step.uninterruptible) this.#host.stop(step, step.stop);
    }
    for (const { agent, reason } of draft.dismissals) this.#host.dismiss(agent, reason);
    if (isEnded(this.record) && !isEnded(before)) {
      this.events.close();
      this.#host.ended(this);
    }
  }
}
