import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { endChildren } from '../../shared/process/children.ts';
import { run } from '../../shared/process/run.ts';
import type { Json } from '../../shared/verb/effect.ts';
import type { Task } from '../../shared/wire/generated/hostler/v1/Task.ts';
import { unpackSpec } from '../../shared/task/packed-spec.ts';
import type { AgentLink, LinkListener } from '../link/types.ts';
import type { TaskKind } from '../tasks/types.ts';
import { TaskFolder } from './folder.ts';
import { KeptTask } from './kept-task.ts';
import type { TaskProgram } from './kept-task.ts';
import type { SpecRecord } from './records.ts';
import { Seen } from './seen.ts';
import { cleanUpMs } from './task-process.ts';

/** What the spool says in the agent's own log; pino's shape. */
export interface SpoolLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

export interface SpoolSettings {
  readonly home: string;
  readonly installDir: string;
  readonly tftpDir: string;
  /** See incarnation.ts. */
  readonly incarnation: string;
  readonly kinds: readonly TaskKind[];
  readonly roles: readonly string[];
  readonly program: TaskProgram;
  readonly log: SpoolLog;
  /** Hears in a line when a task comes and how it ended: for the console of a node that boots. */
  readonly say?: (line: string) => void;
  /** Tasks at one time; the others wait in the order they came. Default 4. */
  readonly concurrency?: number;
  /** How often running tasks are looked at. Default 200 ms; nothing happens while there are none. */
  readonly everyMs?: number;
}

/** Set aside in the spool, so that refusing a task on a full disk has room for the refusal. */
const reserveBytes = 256 * 1024;
const longestId = 500;
/** A task that is being cleaned up does not hold up the agent's end for longer; the next agent does it again. */
const mostStopMs = 3_000;

/** The tasks of this agent: kept on disk, run in processes of their own, told to the manager until it has it all. */
export class Spool implements Pick<LinkListener, 'task' | 'cancel' | 'welcome' | 'acknowledged'> {
  readonly #settings: SpoolSettings;
  readonly #dir: string;
  readonly #seen: Seen;
  readonly #tasks = new Map<string, KeptTask>();
  readonly #accepting = new Map<string, Promise<void>>();
  readonly #refused = new Set<string>();
  #link: AgentLink | undefined;
  #acknowledged = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #stepping = new Map<string, Promise<void>>();
  readonly #end = new AbortController();
  #earlierLives: Promise<void> | undefined;
  #lastTrouble = '';

  private constructor(settings: SpoolSettings, dir: string, seen: Seen) {
    this.#settings = settings;
    this.#dir = dir;
    this.#seen = seen;
  }

  /** Opens `home/spool` and finds again what it holds. Tasks of an earlier incarnation are cleaned up and forgotten. */
  static async open(settings: SpoolSettings): Promise<Spool> {
    const dir = join(resolve(settings.home), 'spool');
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const spool = new Spool(
      { ...settings, home: resolve(settings.home) },
      dir,
      await Seen.open(dir, settings.incarnation),
    );
    await spool.#reserve();
    await spool.#findAgain();
    return spool;
  }

  /** Results that are in the outbox already, by task: they are not reported again. To be called before `start`. */
  wereReported(sequences: ReadonlyMap<string, number>): void {
    for (const [id, sequence] of sequences) this.#tasks.get(id)?.wasReported(sequence);
  }

  /** From here on tasks run and are told. `link` may connect later. */
  start(link: AgentLink): void {
    this.#link = link;
    this.#wake();
  }

  /** Stops looking; running tasks go on and are found again by the next agent. */
  async stop(): Promise<void> {
    this.#end.abort(new HostlerError('aborted', 'the agent stops'));
    clearTimeout(this.#timer);
    await this.#earlierLives;
    let late: NodeJS.Timeout | undefined;
    const bound = new Promise<void>((resolve) => (late = setTimeout(resolve, mostStopMs)));
    await Promise.race([Promise.all(this.#stepping.values()), bound]);
    clearTimeout(late);
  }

  /** For the hello: tasks whose results were not acknowledged. */
  openTasks(): { id: string; state: 'accepted' | 'running' | 'finished' }[] {
    return [...this.#tasks].map(([id, task]) => ({ id, state: task.state }));
  }

  /** Resolves when no task is left, all of them told and acknowledged; rejects when the signal aborts. */
  async settled(signal: AbortSignal): Promise<void> {
    while (this.#tasks.size > 0 || this.#accepting.size > 0) {
      signal.throwIfAborted();
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  async task(task: Task): Promise<void> {
    const id = task.id ?? '';
    if (id === '' || id.length > longestId || /[\n\r\0]/.test(id)) {
      this.#settings.log.warn({ id: id.slice(0, 100) }, 'a task without a usable id was refused');
      return;
    }
    if (this.#tasks.has(id) || this.#seen.has(id) || this.#refused.has(id)) return;
    let accepting = this.#accepting.get(id);
    if (accepting === undefined) {
      accepting = this.#accept(id, task).finally(() => this.#accepting.delete(id));
      this.#accepting.set(id, accepting);
    }
    await accepting;
  }

  cancel(id: string, reason: string): void {
    const act = async (): Promise<void> => {
      await this.#accepting.get(id);
      await this.#tasks.get(id)?.cancel(new HostlerError('cancelled', reason === '' ? 'Cancelled.' : reason));
      this.#wake();
    };
    act().catch((error: unknown) => this.#trouble(id, error));
  }

  welcome(logOffsets: ReadonlyMap<string, number>): void {
    // A task that is not named there: the manager wants no more of its log, or has not begun with it.
    for (const [id, offset] of logOffsets) this.#tasks.get(id)?.rewind(offset);
    this.#wake();
  }

  acknowledged(sequence: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, sequence);
    this.#wake();
  }

  async #accept(id: string, task: Task): Promise<void> {
    const refusal = this.#unfit(task);
    try {
      const spec = this.#specOf(id, task);
      const folder = await TaskFolder.create(this.#dir, spec);
      const kept = new KeptTask(folder, spec, this.#settings.program);
      if (refusal !== undefined) await kept.cancel(refusal);
      this.#tasks.set(id, kept);
      this.#settings.log.info({ task: id, kind: spec.kind, correlation: spec.correlation }, 'task accepted');
      this.#settings.say?.(`${kept.title}: begins`);
      this.#wake();
    } catch (error) {
      await this.#refuse(id, error);
    }
  }

  /** The disk does not take the task: say so, with the room that was set aside for this. */
  async #refuse(id: string, thrown: unknown): Promise<void> {
    const full =
      (thrown as NodeJS.ErrnoException).code === 'ENOSPC' || (thrown as NodeJS.ErrnoException).code === 'EDQUOT';
    const message = full
      ? `The disk of the agent is full: ${this.#dir} does not take another task. Make room there and ask again.`
      : `The agent cannot keep the task in ${this.#dir}: ${HostlerError.from(thrown).message}`;
    this.#settings.log.warn({ task: id, error: String(thrown) }, message);
    if (this.#link === undefined) throw new HostlerError('resource_exhausted', message, { cause: thrown });
    await rm(join(this.#dir, '.reserve'), { force: true });
    const now = Date.now();
    const code = full ? 'resource_exhausted' : 'internal';
    await this.#link.report({
      body: 'result',
      result: { id, outcome: 'failed', result: '', code, message, startedAt: now, endedAt: now },
    });
    this.#refused.add(id);
    await this.#reserve();
  }

  /** Why this agent cannot do the task at all. */
  #unfit(task: Task): HostlerError | undefined {
    const { kinds, roles } = this.#settings;
    const kind = kinds.find((one) => one.kind === task.kind);
    const name = task.kind ?? '';
    if (kind === undefined) return new HostlerError('unimplemented', `This agent does not know tasks of kind ${name}.`);
    if ((task.kindVersion ?? 0) > kind.version) {
      const versions = `${task.kindVersion ?? 0}, this agent knows up to ${kind.version}`;
      return new HostlerError('unimplemented', `The task ${name} is of version ${versions}. Upgrade the agent.`);
    }
    if (!kind.roles.some((role) => roles.includes(role))) {
      const needed = kind.roles.join(' or ');
      return new HostlerError('permission_denied', `The task ${name} is for agents with the role ${needed}.`);
    }
    return parseSpec(task.spec) === undefined
      ? new HostlerError('invalid_argument', `The specification of the task ${name} is not JSON.`)
      : undefined;
  }

  #specOf(id: string, task: Task): SpecRecord {
    const acceptedAt = Date.now();
    const { home, installDir, tftpDir, incarnation } = this.#settings;
    return {
      id,
      kind: task.kind ?? '',
      kindVersion: task.kindVersion ?? 0,
      spec: parseSpec(task.spec)?.json ?? null,
      ...((task.deadline ?? 0) > 0 && { deadlineAt: acceptedAt + (task.deadline ?? 0) * 1_000 }),
      uninterruptible: task.uninterruptible ?? false,
      correlation: task.correlation ?? '',
      title: task.title ?? '',
      acceptedAt,
      incarnation,
      home,
      installDir,
      tftpDir,
    };
  }

  async #findAgain(): Promise<void> {
    const earlier: { folder: TaskFolder; spec: SpecRecord }[] = [];
    const found: KeptTask[] = [];
    for (const folder of await TaskFolder.all(this.#dir)) {
      try {
        const spec = folder.spec();
        if (spec === undefined) throw new HostlerError('data_loss', `${folder.dir} holds no task`);
        if (spec.incarnation !== this.#settings.incarnation) earlier.push({ folder, spec });
        else if (this.#seen.has(spec.id)) await folder.remove();
        else found.push(new KeptTask(folder, spec, this.#settings.program));
      } catch (error) {
        this.#settings.log.warn({ folder: folder.dir, error: String(error) }, 'a damaged task folder is thrown away');
        await endChildren(folder.dir);
        await folder.remove();
      }
    }
    found.sort((a, b) => a.spec.acceptedAt - b.spec.acceptedAt || (a.spec.id < b.spec.id ? -1 : 1));
    for (const task of found) this.#tasks.set(task.spec.id, task);
    if (earlier.length > 0) {
      this.#earlierLives = this.#forget(earlier).finally(() => {
        this.#earlierLives = undefined;
        this.#wake();
      });
    }
  }

  /** Tasks of an earlier boot: nobody waits for them, but what they left must go before new ones begin. */
  async #forget(earlier: readonly { folder: TaskFolder; spec: SpecRecord }[]): Promise<void> {
    for (const { folder, spec } of earlier) {
      try {
        const start = folder.start();
        if (start !== undefined && folder.result() === undefined) {
          this.#settings.log.info({ task: spec.id, kind: spec.kind }, 'cleaning up after a task of an earlier boot');
          await endChildren(folder.dir);
          const [program = process.execPath, ...args] = this.#settings.program.argv;
          const words = [...args, 'task', folder.dir, '--clean-up'];
          await run(program, words, { timeoutMs: cleanUpMs, allowExit: 'any', signal: this.#end.signal });
        }
        await folder.remove();
      } catch (error) {
        this.#trouble(spec.id, error);
      }
    }
  }

  #wake(): void {
    this.#lookIn(0);
  }

  #lookIn(ms: number): void {
    if (this.#end.signal.aborted || this.#link === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#fillPlaces();
      for (const [id, task] of this.#tasks) this.#step(id, task);
      if (this.#tasks.size > 0) this.#lookIn(this.#settings.everyMs ?? 200);
    }, ms);
  }

  #fillPlaces(): void {
    if (this.#earlierLives !== undefined) return;
    const most = this.#settings.concurrency ?? 4;
    let running = [...this.#tasks.values()].filter((task) => task.state === 'running').length;
    for (const task of this.#tasks.values()) {
      if (running >= most) return;
      if (task.state !== 'accepted' || task.isLate()) continue;
      running += 1;
      task.begin().catch((error: unknown) => this.#trouble(task.spec.id, error));
    }
  }

  /** One at a time for each task; a long one (cleaning up) holds up no other. */
  #step(id: string, task: KeptTask): void {
    if (this.#stepping.has(id)) return;
    const step = this.#oneStep(id, task).finally(() => this.#stepping.delete(id));
    this.#stepping.set(id, step);
  }

  async #oneStep(id: string, task: KeptTask): Promise<void> {
    try {
      if (this.#link === undefined || !(await task.step(this.#link, this.#acknowledged))) return;
      const { outcome = 'gone', message } = task.folder.result() ?? {};
      const ending = message === undefined ? outcome : `${outcome}: ${message}`;
      await this.#seen.add(id);
      await task.folder.remove();
      this.#tasks.delete(id);
      this.#settings.log.info({ task: id }, 'task done and acknowledged');
      this.#settings.say?.(`${task.title}: ${ending}`);
    } catch (error) {
      this.#trouble(id, error);
    }
  }

  /** What the disk refuses is tried again with the next look; the log hears of it once. */
  #trouble(id: string, error: unknown): void {
    const text = `${id}: ${HostlerError.from(error).message}`;
    if (text === this.#lastTrouble) return;
    this.#lastTrouble = text;
    this.#settings.log.warn({ task: id, error: String(error) }, 'trouble with a task; trying again');
  }

  async #reserve(): Promise<void> {
    const file = join(this.#dir, '.reserve');
    await writeFile(file, Buffer.alloc(reserveBytes, 1), { mode: 0o600 }).catch(() => rm(file, { force: true }));
  }
}

function parseSpec(text: string | undefined): { readonly json: Json } | undefined {
  try {
    return { json: JSON.parse(unpackSpec(text ?? '')) as Json };
  } catch {
    return undefined;
  }
}
