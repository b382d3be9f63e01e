import { HostlerError } from '../../shared/errors/error.ts';
import type { Effect, Json, Report, TaskRequest } from '../../shared/verb/effect.ts';
import type { CommitResult } from '../registry/types.ts';
import { endingOf } from './effects.ts';
import { type Ending, type JobRecord, type StepRecord, isEnded, isOpen } from './record.ts';
import { type EventBody, dataEvent, finishedEvent, outputEvents } from './say.ts';

type Commit = Extract<Effect, { do: 'commit' }>;
type Observe = Extract<Effect, { do: 'observe' }>;
type Dismiss = Extract<Effect, { do: 'dismiss' }>;

/** How a task ended. */
export type TaskOutcome =
  Extract<Report, { about: 'task' }> extends infer Each
    ? Each extends Report
      ? Omit<Each, 'about' | 'key' | 'agent' | 'at'>
      : never
    : never;

/**
 * A job's record on its way from one stored value to the next, with all that goes along: events, specifications of
 * tasks, observations. Knows what effects and reports do to a record, and nothing of clocks, disks or agents.
 */
export class Draft {
  record: JobRecord;
  readonly events: EventBody[] = [];
  /** By task id; undefined: the task has ended, it is not needed any more. */
  readonly specs = new Map<string, Json | undefined>();
  readonly observations: Observe[] = [];
  readonly dismissals: Dismiss[] = [];
  readonly #at: number;

  constructor(record: JobRecord, at: number) {
    this.record = record;
    this.#at = at;
  }

  /** The commit that stands before everything else; undefined when there is none. */
  get commit(): Commit | undefined {
    const [first] = this.record.effects;
    return first?.do === 'commit' ? first : undefined;
  }

  /** A draft that goes on from here, for trying something that may not come to pass. */
  fork(): Draft {
    const copy = new Draft(this.record, this.#at);
    copy.events.push(...this.events);
    for (const [task, spec] of this.specs) copy.specs.set(task, spec);
    copy.observations.push(...this.observations);
    copy.dismissals.push(...this.dismissals);
    return copy;
  }

  /** Does what the effects say, up to the first commit: that and what follows it are left for later. */
  perform(effects: readonly Effect[]): void {
    for (const [index, effect] of effects.entries()) {
      if (effect.do === 'commit') {
        this.#set({ effects: effects.slice(index) });
        return;
      }
      const ending = endingOf(effect);
      if (ending !== undefined) {
        this.end(ending);
        return;
      }
      this.#do(effect);
    }
  }

  #do(effect: Exclude<Effect, Commit>): void {
    if (effect.do === 'say') this.events.push(...outputEvents(effect.text, effect.error === true));
    else if (effect.do === 'data') this.events.push(dataEvent(effect.value));
    else if (effect.do === 'observe') this.observations.push(effect);
    else if (effect.do === 'dismiss') this.dismissals.push(effect);
    else if (effect.do === 'run') this.#run(effect.task);
    else if (effect.do === 'stop') {
      const step = this.record.steps.find((each) => each.key === effect.key && isOpen(each));
      if (step !== undefined) this.stop(step, effect.reason);
    }
  }

  #run(task: TaskRequest): void {
    const earlier = this.record.steps.filter((step) => step.key === task.key);
    if (earlier.some(isOpen)) throw new HostlerError('internal', `The step ${task.key} was asked for while it runs.`);
    if (!/^[A-Za-z0-9-]{1,64}$/.test(task.key))
      throw new HostlerError('internal', `'${task.key}' is no name for a step.`);
    const again = earlier.length === 0 ? '' : `-r${earlier.length + 1}`;
    const step: StepRecord = {
      task: `${this.record.id}.${task.key}${again}`,
      key: task.key,
      kind: task.kind,
      title: task.title,
      on: task.on,
      deadline: task.deadline ?? 0,
      uninterruptible: task.uninterruptible === true,
      ...(task.lock !== undefined && { lock: task.lock }),
      ...(task.refuseIfLocked !== undefined && { refuseIfLocked: task.refuseIfLocked }),
      state: 'waiting',
      agent: '',
      incarnation: '',
      startedAt: 0,
      endedAt: 0,
      message: '',
    };
    this.specs.set(step.task, task.spec);
    this.#set({ steps: [...this.record.steps, step] });
    this.#tell(step);
  }

  /** The job ends so, once its open tasks have: they are stopped. The verb hears nothing more. */
  end(ending: Ending): void {
    if (this.record.ending !== undefined) return;
    // Where a task had begun nothing was refused any more: it failed.
    const begun = this.record.steps.some((step) => step.startedAt > 0);
    const how: Ending = begun && ending.status === 'refused' ? { ...ending, status: 'failed' } : ending;
    this.#set({ ending: how, effects: [], inbox: [] });
    for (const step of this.record.steps.filter(isOpen)) this.stop(step, 'the command has ended');
  }

  /** Nothing is open any more. */
  close(ending: Ending): void {
    const cancelled = this.record.status === 'cancelling' && ending.status !== 'done';
    const how: Ending = cancelled
      ? { ...ending, status: 'cancelled', exit: ending.exit === 0 ? 1 : ending.exit }
      : ending;
    this.#set({ ...how, ending: how, endedAt: this.#at, state: null, effects: [], inbox: [] });
    this.events.push(finishedEvent(how));
  }

  /** Marks the step as one that shall stop; one that was not sent yet has ended with that. */
  stop(step: StepRecord, reason: string): void {
    if (step.stop !== undefined) return;
    if (step.state !== 'waiting') {
      this.update(step.task, { stop: reason });
      return;
    }
    const message = `${step.title} was not begun: ${reason}.`;
    this.taskEnded(step.task, { outcome: 'cancelled', code: 'cancelled', message });
  }

  cancel(reason: string): void {
    if (isEnded(this.record) || this.record.status === 'cancelling') return;
    this.#set({ status: 'cancelling' });
    this.#hear({ about: 'cancel', reason });
    for (const step of this.record.steps.filter(isOpen)) this.stop(step, reason);
  }

  /** Once for each task: a second end of the same is not heard. */
  taskEnded(task: string, end: TaskOutcome): void {
    const step = this.record.steps.find((each) => each.task === task);
    if (step === undefined || !isOpen(step)) return;
    const message = end.outcome === 'done' ? '' : end.message;
    this.update(task, { state: end.outcome, endedAt: this.#at, message });
    this.specs.set(task, undefined);
    this.#hear({ about: 'task', key: step.key, agent: step.agent, at: this.#at, ...end });
  }

  /** The commit was made, or met a conflict: then what should have followed it is dropped. */
  committed(result: CommitResult): void {
    const [commit, ...rest] = this.record.effects;
    if (commit?.do !== 'commit') throw new HostlerError('internal', 'There is no commit to be made.');
    this.#set({ effects: [] });
    this.#hear({ about: 'commit', key: commit.key, ...result });
    if (result.outcome === 'done') this.perform(rest);
  }

  /** The oldest report that the verb has not heard; it counts as heard now. */
  takeReport(): Report | undefined {
    const [report, ...inbox] = this.record.inbox;
    if (report !== undefined) this.#set({ inbox });
    return report;
  }

  setState(state: Json): void {
    this.#set({ state });
  }

  /** The state is of another version of the verb now. */
  migrate(state: Json, version: number): void {
    this.#set({ state, version });
  }

  /** Changes a step, and tells when people can see a difference. */
  update(task: string, change: Partial<StepRecord>): void {
    const steps = this.record.steps.map((step) => (step.task === task ? { ...step, ...change } : step));
    this.#set({ steps });
    const step = steps.find((each) => each.task === task);
    if (step !== undefined && (change.state !== undefined || change.message !== undefined)) this.#tell(step);
  }

  #hear(report: Report): void {
    if (this.record.ending === undefined) this.#set({ inbox: [...this.record.inbox, report] });
  }

  #tell({ task, title, agent, state, message }: StepRecord): void {
    this.events.push({ step: { task, title, agent, state, message } });
  }

  #set(change: Partial<JobRecord>): void {
    this.record = { ...this.record, ...change };
  }
}
