import { HostlerError, isErrorCode } from '../../shared/errors/error.ts';
import { longestMessage } from '../../shared/session/limits.ts';
import { packSpec } from '../../shared/task/packed-spec.ts';
import type { ManagerBody } from '../../shared/session/manager-session.ts';
import type { TaskResult__Output } from '../../shared/wire/generated/hostler/v1/TaskResult.ts';
import type { KeySpace } from '../registry/types.ts';
import type { FleetLog } from './log.ts';
import type { Member } from './member.ts';
import type { TaskRecord } from './records.ts';
import { records } from './store.ts';
import { taskKindVersion } from './task-kinds.ts';
import type { FleetTask, TaskEnd, TaskListener } from './types.ts';

export interface TaskBookDeps {
  readonly space: KeySpace;
  readonly listener: () => TaskListener;
  readonly log: FleetLog;
  readonly now: () => number;
}

/** Which tasks are in whose hands; on disk before they are sent, until their end was applied. */
export class TaskBook {
  readonly #deps: TaskBookDeps;

  constructor(deps: TaskBookDeps) {
    this.#deps = deps;
  }

  /** Idempotent by task id. */
  give(member: Member, incarnation: string, given: FleetTask): void {
    const task = { ...given, spec: packSpec(given.spec) };
    if (member.tasks.has(task.id)) return;
    if (member.life?.incarnation !== incarnation) {
      this.#inBackground(task.id, this.#lost(member.name, task.id, newLife(member.name)));
      return;
    }
    if (sizeOf(task) > longestMessage) {
      this.#inBackground(task.id, this.#tooLong(member.name, task));
      return;
    }
    const record: TaskRecord = { incarnation, task };
    member.tasks.set(task.id, { record, stored: false });
    this.#inBackground(task.id, this.#storeAndSend(member, task.id));
  }

  async #storeAndSend(member: Member, id: string): Promise<void> {
    const open = member.tasks.get(id);
    if (open === undefined) return;
    await this.#deps.space.write([records.task(member.name, id, open.record)]);
    open.stored = true;
    if (member.tasks.get(id) === open) this.#post(member, taskBody(open.record.task));
  }

  cancel(member: Member, id: string, reason: string): void {
    const open = member.tasks.get(id);
    if (open === undefined) return;
    open.record = { ...open.record, cancel: reason };
    this.#inBackground(id, this.#deps.space.write([records.task(member.name, id, open.record)]));
    this.#post(member, { cancel: { id, reason } });
  }

  /** After the welcome: what the agent does not know is sent again, what it should not have is taken back. */
  resync(member: Member, known: ReadonlyMap<string, string>): void {
    for (const [id, { record, stored }] of member.tasks) {
      const cancelled = record.cancel !== undefined;
      if (!known.has(id) && stored) {
        // It never reached the agent (or the agent lost it before it began), so nothing has to be stopped.
        if (cancelled) this.#inBackground(id, this.#cancelledUnsent(member, id, record.cancel ?? ''));
        else this.#post(member, taskBody(record.task));
      } else if (cancelled) {
        this.#post(member, { cancel: { id, reason: record.cancel ?? '' } });
      }
    }
    for (const [id, state] of known) {
      if (member.tasks.has(id) || member.ended.has(id) || state === 'finished') continue;
      this.#deps.log.warn({ agent: member.name, task: id }, 'the agent has a task that nobody here knows; cancelled');
      this.#post(member, { cancel: { id, reason: 'The manager does not know this task any more.' } });
    }
  }

  /** Applies a task's end. Throws when the engine could not keep it: the agent says it again. */
  async ended(member: Member, sequence: number, result: TaskResult__Output): Promise<void> {
    await this.#deps.listener().result(result.id, member.name, endOf(result));
    member.tasks.delete(result.id);
    member.ended.set(result.id, sequence);
  }

  /** All of the member's tasks that do not belong to this incarnation (undefined: all) are lost. */
  async lose(member: Member, incarnation: string | undefined, message: string): Promise<void> {
    const gone = [...member.tasks].filter(([, { record }]) => record.incarnation !== incarnation);
    await Promise.all(gone.map(([id]) => this.#lost(member.name, id, message)));
    await this.#deps.space.write(gone.map(([id]) => records.task(member.name, id, null)));
    for (const [id] of gone) member.tasks.delete(id);
  }

  async #lost(agent: string, id: string, message: string): Promise<void> {
    this.#deps.log.warn({ agent, task: id }, `task lost: ${message}`);
    await this.#deps.listener().lost(id, agent, message);
  }

  async #cancelledUnsent(member: Member, id: string, reason: string): Promise<void> {
    const now = this.#deps.now();
    const end: TaskEnd = { outcome: 'cancelled', code: 'cancelled', message: reason, startedAt: now, endedAt: now };
    await this.#deps.listener().result(id, member.name, end);
    member.tasks.delete(id);
    await this.#deps.space.write([records.task(member.name, id, null)]);
  }

  async #tooLong(agent: string, task: FleetTask): Promise<void> {
    const now = this.#deps.now();
    const message =
      `The task '${task.title}' is ${sizeOf(task)} bytes long; a message to an agent holds ${longestMessage} at most. ` +
      `Ask for fewer objects at once.`;
    await this.#deps
      .listener()
      .result(task.id, agent, { outcome: 'failed', code: 'resource_exhausted', message, startedAt: now, endedAt: now });
  }

  #post(member: Member, body: ManagerBody): void {
    // A broken connection is no loss: the next one begins with a resync.
    member.session?.post(body).catch(() => undefined);
  }

  #inBackground(task: string, work: Promise<void>): void {
    work.catch((thrown: unknown) => this.#deps.log.error({ err: thrown, task }, 'a task could not be kept or told of'));
  }
}

export function newLife(agent: string): string {
  return `The agent '${agent}' began a new life (its machine was started again); what it was doing is gone.`;
}

function taskBody(task: FleetTask): ManagerBody {
  return { task: { ...task, kindVersion: taskKindVersion(task.kind) } };
}

/** Near enough, and never too small: the envelope around the texts is short. */
function sizeOf(task: FleetTask): number {
  const texts = [task.id, task.kind, task.spec, task.correlation, task.title];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 256);
}

function endOf({ outcome, result, code, message, startedAt, endedAt }: TaskResult__Output): TaskEnd {
  if (outcome === 'done') return { outcome, result, startedAt, endedAt };
  if (outcome === 'failed' || outcome === 'cancelled') {
    return { outcome, code: isErrorCode(code) ? code : 'unknown', message, startedAt, endedAt };
  }
  const odd = new HostlerError(
    'internal',
    `The agent ended the task with '${outcome.slice(0, 40)}', which means nothing here.`,
  );
  return { outcome: 'failed', code: odd.code, message: odd.message, startedAt, endedAt };
}
