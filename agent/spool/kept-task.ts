import { closeSync, openSync } from 'node:fs';
import type { AgentLink } from '../link/types.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import { isAlive } from '../../shared/process/alive.ts';
import { endChildren, taskDirVariable } from '../../shared/process/children.ts';
import { longestMessage } from '../../shared/session/limits.ts';
import type { Detached } from '../../shared/process/detached.ts';
import { startDetached } from '../../shared/process/detached.ts';
import { TaskFeed } from './feed.ts';
import type { TaskFolder } from './folder.ts';
import type { CancelRecord, ResultRecord, SpecRecord, StartRecord, ToldRecord } from './records.ts';
import { cleanUpMs } from './task-process.ts';

/** How a task's process is started, and how long it may take to stop. */
export interface TaskProgram {
  /** Program and arguments of this very agent; `task DIR` is put after them. */
  readonly argv: readonly string[];
  /** Between the polite stop and the forced one. */
  readonly graceMs: number;
  /** How long the manager is waited for before a result goes to where reports outlive this machine. Default 5 s. */
  readonly awayMs?: number;
}

/** Shorter breaks of the link leave the log where it is: out of the outbox. */
const defaultAwayMs = 5_000;

/** Silence of the heartbeat after which the process table is asked, where asking is dear. */
const silentMs = 3_000;

/** How long a process may take from its start to the claim of its task, on however slow a machine. */
const mostStartMs = 120_000;
/** Between two attempts to clear away a dead task. */
const buryAgainMs = 5_000;

/** One accepted task: from its place in the queue to the moment the manager has its result. */
export class KeptTask {
  readonly folder: TaskFolder;
  readonly spec: SpecRecord;
  readonly #program: TaskProgram;
  readonly #feed: TaskFeed;
  #state: 'accepted' | 'running' | 'finished';
  #told: ToldRecord;
  /** How the process ended; only where this very agent started it. */
  #ended: Promise<string> | undefined;
  #howItEnded: string | undefined;
  /** The process that was started and has not claimed the task yet. */
  #starting: { readonly pid: number; readonly until: number } | undefined;
  #signalled = false;
  /** Clearing away after the process's death; the log is told meanwhile. */
  #burial: Promise<void> | undefined;
  #burialTrouble: unknown;
  #buryAgainAt = 0;
  /** Since when it has been finished and the manager away. */
  #awaySince: number | undefined;

  constructor(folder: TaskFolder, spec: SpecRecord, program: TaskProgram) {
    this.folder = folder;
    this.spec = spec;
    this.#program = program;
    this.#feed = new TaskFeed(spec.id, folder);
    this.#told = folder.told();
    this.#state = folder.result() !== undefined ? 'finished' : folder.start() !== undefined ? 'running' : 'accepted';
  }

  /** The link's words: accepted, running, finished. */
  get state(): 'accepted' | 'running' | 'finished' {
    return this.#state;
  }

  /** Gives the task its process. Whatever goes wrong becomes its result. */
  async begin(): Promise<void> {
    if (this.#state !== 'accepted') return;
    this.#state = 'running';
    try {
      const { pid, ended } = await this.#spawn([]);
      this.#starting = { pid, until: Date.now() + mostStartMs };
      this.#ended = ended;
      void ended.then((how) => (this.#howItEnded = how));
    } catch (error) {
      const reason = HostlerError.from(error).message;
      await this.#finish('failed', 'internal', `The task's process could not be started: ${reason}.`);
    }
  }

  /** Somebody wants it stopped. A task that waits ends at once, one that must not be stopped half-way goes on. */
  async cancel(reason: HostlerError): Promise<void> {
    if (this.#state === 'finished' || this.folder.cancelled() !== undefined) return;
    if (this.#state === 'accepted') {
      this.#state = 'finished';
      await this.#finish(reason.code === 'cancelled' ? 'cancelled' : 'failed', reason.code, reason.message);
      return;
    }
    await this.folder.writeCancel({ code: reason.code, message: reason.message, at: Date.now() });
  }

  /** An agent before this one put the result into the outbox, and died before it could note that. */
  wasReported(sequence: number): void {
    if (this.#told.result === undefined) this.#told = { started: true, result: sequence };
  }

  /** The manager says how much of the log it really has. */
  rewind(logOffset: number): void {
    this.#feed.rewind(logOffset);
  }

  /**
   * Looks what happened and tells it. `link` need not be connected. Resolves with true when the manager
   * has everything and the folder may go. Not to be called while one is under way; throws only what the disk throws.
   */
  async step(link: AgentLink, acknowledged: number): Promise<boolean> {
    if (this.isLate()) await this.#lateInQueue();
    if (this.#state === 'running') await this.#look();
    return this.#tell(link, acknowledged);
  }

  /** It waited for its turn until its time was over. */
  isLate(): boolean {
    const { deadlineAt } = this.spec;
    return this.#state === 'accepted' && deadlineAt !== undefined && Date.now() >= deadlineAt;
  }

  async #lateInQueue(): Promise<void> {
    await this.cancel(
      new HostlerError('deadline_exceeded', `${this.title} waited for its turn until its time was over.`),
    );
  }

  async #look(): Promise<void> {
    if (this.#burial !== undefined || this.#finished()) return;
    const start = this.folder.start();
    if (start === undefined) {
      if (this.#howItEnded === undefined) this.#hurryStart();
      else if (!this.#finished()) this.#bury(this.#howItEnded, 0);
      return;
    }
    if (this.#lives(start)) {
      await this.#enforce(start);
      return;
    }
    // It may have written its result between the two looks.
    if (this.#finished()) return;
    // The process table may know of the end before we are told how it came.
    const how = this.#ended === undefined ? undefined : await Promise.race([this.#ended, sleep(1_000, undefined)]);
    this.#bury(how, start.startedAt);
  }

  /** Not awaited: cleaning up may take minutes. What the disk refuses is thrown by the next step, and tried again. */
  #bury(how: string | undefined, startedAt: number): void {
    const trouble = this.#burialTrouble;
    this.#burialTrouble = undefined;
    if (trouble !== undefined) throw HostlerError.from(trouble);
    if (Date.now() < this.#buryAgainAt) return;
    this.#burial = this.#died(how, startedAt)
      .catch((error: unknown) => {
        this.#burialTrouble = error;
        this.#buryAgainAt = Date.now() + buryAgainMs;
      })
      .finally(() => (this.#burial = undefined));
  }

  /** A process that never gets as far as its task is ended, sooner when nobody wants it any more. */
  #hurryStart(): void {
    if (this.#starting === undefined) return;
    const { pid, until } = this.#starting;
    if (Date.now() > until || this.folder.cancelled() !== undefined) kill(pid, 'SIGKILL');
  }

  #finished(): boolean {
    if (this.folder.result() === undefined) return false;
    this.#state = 'finished';
    return true;
  }

  #lives(start: StartRecord): boolean {
    if (process.platform !== 'linux' && (this.folder.silence() ?? Infinity) < silentMs) return true;
    return isAlive(start.pid, start.startTime === '' ? undefined : start.startTime);
  }

  /** Polite stop, then the forced one. */
  async #enforce(start: StartRecord): Promise<void> {
    if (this.spec.uninterruptible) {
      this.#politely(start, this.folder.cancelled());
      return;
    }
    const { deadlineAt } = this.spec;
    const { graceMs } = this.#program;
    if (deadlineAt !== undefined && Date.now() > deadlineAt + graceMs && this.folder.cancelled() === undefined) {
      const message = `${this.title} did not end in time and was stopped.`;
      await this.folder.writeCancel({ code: 'deadline_exceeded', message, at: Date.now() - graceMs });
    }
    const asked = this.folder.cancelled();
    this.#politely(start, asked);
    if (asked !== undefined && Date.now() > asked.at + graceMs) kill(start.pid, 'SIGKILL');
  }

  #politely(start: StartRecord, asked: CancelRecord | undefined): void {
    if (asked === undefined || this.#signalled) return;
    this.#signalled = true;
    kill(start.pid, 'SIGTERM');
  }

  /** The process is gone without a result: end its children, let its kind clean up, say how it died. */
  async #died(how: string | undefined, startedAt: number): Promise<void> {
    await endChildren(this.folder.dir, Math.min(this.#program.graceMs, 3_000));
    const said = this.folder.lastLines(5);
    const isClean = startedAt === 0 || (await this.#cleanUp());
    const asked = this.folder.cancelled();
    if (asked !== undefined) {
      const outcome = asked.code === 'cancelled' ? 'cancelled' : 'failed';
      await this.#finish(outcome, asked.code, `${asked.message} (It did not stop by itself and was ended by force.)`);
      return;
    }
    const end = how === undefined ? 'ended while no agent watched it' : `was ended (${how})`;
    const unclean = isClean ? '' : ' Cleaning up after it failed: see the log.';
    const last = said.length === 0 ? 'It had said nothing.' : `Its last lines: ${said.join(' | ')}`;
    await this.#finish(
      'failed',
      'internal',
      `The process of ${this.title} ${end} before it had a result. ${last}${unclean}`,
    );
  }

  /** True when the kind took away all that the task left. */
  async #cleanUp(): Promise<boolean> {
    const stop = new AbortController();
    const most = cleanUpMs + this.#program.graceMs;
    try {
      const { ended } = await this.#spawn(['--clean-up']);
      return (await Promise.race([ended, sleep(most, 'late', { signal: stop.signal })])) === 'exit 0';
    } catch {
      return false;
    } finally {
      stop.abort();
      await endChildren(this.folder.dir, Math.min(this.#program.graceMs, 3_000));
    }
  }

  /** Starts this program for the task's folder, in a session of its own, its output to the task's log. */
  async #spawn(more: readonly string[]): Promise<Pick<Detached, 'pid' | 'ended'>> {
    const [program = process.execPath, ...args] = this.#program.argv;
    const output = openSync(this.folder.log, 'a', 0o600);
    try {
      return await startDetached(program, [...args, 'task', this.folder.dir, ...more], {
        cwd: workingFolder(),
        output,
        env: { [taskDirVariable]: this.folder.dir },
      });
    } finally {
      closeSync(output);
    }
  }

  async #finish(outcome: 'failed' | 'cancelled', code: HostlerError['code'], message: string): Promise<void> {
    const now = Date.now();
    const startedAt = this.folder.start()?.startedAt ?? now;
    const record: ResultRecord = { outcome, code, message, startedAt, endedAt: now };
    await this.folder.writeResult(record);
    this.#state = 'finished';
  }

  async #tell(link: AgentLink, acknowledged: number): Promise<boolean> {
    const start = this.folder.start();
    if (!this.#told.started && start !== undefined) {
      await link.report({ body: 'started', started: { id: this.spec.id, at: start.startedAt } });
      await this.#note({ started: true });
    }
    const caughtUp = this.#feed.pump((body) => link.tell(body));
    if (this.#state !== 'finished') return false;
    const result = this.folder.result();
    if (this.#told.result === undefined && result !== undefined) {
      // While the link is down nobody knows how much of what was told arrived: it is said again, on disk this time.
      if (link.connected ? !caughtUp : !this.#isLongAway()) return false;
      if (!link.connected) await this.#feed.leave((body) => link.report(body));
      const sequence = await link.report({ body: 'result', result: toWire(this.spec.id, result) });
      await this.#note({ ...this.#told, result: sequence });
    }
    return this.#isAcknowledged(acknowledged);
  }

  #isLongAway(): boolean {
    this.#awaySince ??= Date.now();
    return Date.now() - this.#awaySince >= (this.#program.awayMs ?? defaultAwayMs);
  }

  async #note(told: ToldRecord): Promise<void> {
    this.#told = told;
    await this.folder.writeTold(told);
  }

  #isAcknowledged(acknowledged: number): boolean {
    return this.#told.result !== undefined && this.#told.result <= acknowledged;
  }

  /** For people, at the beginning of a line. */
  get title(): string {
    return this.spec.title === '' ? `the task ${this.spec.kind}` : this.spec.title;
  }
}

/** What a link message holds, with room for the rest of it. */
const longestResult = longestMessage - 64 * 1024;

type WireResult = NonNullable<Parameters<AgentLink['report']>[0]['result']>;

function toWire(id: string, record: ResultRecord): WireResult {
  const { startedAt, endedAt } = record;
  const result = record.outcome === 'done' ? JSON.stringify(record.result ?? null) : '';
  const bytes = Buffer.byteLength(result);
  if (bytes > longestResult) {
    const message = `The task was done, but its result of ${bytes} bytes is longer than a message may be.`;
    return { id, outcome: 'failed', result: '', code: 'resource_exhausted', message, startedAt, endedAt };
  }
  const { outcome, code = '', message = '' } = record;
  return { id, outcome, result, code, message, startedAt, endedAt };
}

/** Relative words among our own arguments (a loader, from source) mean this folder; the task's process then leaves it. */
function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    return '/'; // it was taken away
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone already
  }
}
