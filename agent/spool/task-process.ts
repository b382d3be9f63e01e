import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { resolve } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { startTimeOf } from '../../shared/process/alive.ts';
import { recordChild, taskDirVariable } from '../../shared/process/children.ts';
import type { TaskContext, TaskKind } from '../tasks/types.ts';
import { TaskFolder } from './folder.ts';
import type { ResultRecord, SpecRecord } from './records.ts';
import { TaskVoice } from './task-log.ts';

/** How long a task tries to write its result on a disk that stays full. */
const resultAttempts = 600;

/**
 * The life of a task's own process: `hostler-agent task DIR`. Claims the task (a second process leaves at once), runs
 * its kind, writes the result. The exit code says only whether a result was written.
 */
export async function runTask(dir: string, kinds: readonly TaskKind[]): Promise<number> {
  const folder = new TaskFolder(resolve(dir));
  const spec = folder.spec();
  if (spec === undefined) throw new HostlerError('not_found', `There is no task in ${folder.dir}.`);
  process.env[taskDirVariable] = folder.dir;
  const startedAt = Date.now();
  // Before the claim: from then on we may be told to stop.
  const life = new TaskLife(folder, spec);
  try {
    if (!folder.claim({ pid: process.pid, startTime: startTimeOf(process.pid) ?? '', startedAt })) return 0;
    life.begin();
    const kind = kinds.find((one) => one.kind === spec.kind);
    if (kind === undefined)
      throw new HostlerError('unimplemented', `This agent does not know tasks of kind ${spec.kind}.`);
    const result = await life.guard(kind.run(life.context));
    await write(folder, { outcome: 'done', result, startedAt, endedAt: Date.now() });
  } catch (thrown) {
    await write(folder, { ...judged(thrown, life), startedAt, endedAt: Date.now() });
  } finally {
    life.end();
  }
  return 0;
}

/**
 * `hostler-agent task DIR --clean-up`: after a task's process died, takes away what it left. May be killed and run
 * again. Exit code 0: all is clean.
 */
export async function cleanUpTask(dir: string, kinds: readonly TaskKind[]): Promise<number> {
  const folder = new TaskFolder(resolve(dir));
  const spec = folder.spec();
  if (spec === undefined) return 0;
  process.env[taskDirVariable] = folder.dir;
  const forget = recordChild(process.pid, 'hostler-agent');
  const life = new TaskLife(folder, { ...spec, deadlineAt: Date.now() + cleanUpMs, uninterruptible: false });
  try {
    const kind = kinds.find((one) => one.kind === spec.kind);
    await life.guard(kind?.cleanUp?.(life.context) ?? Promise.resolve());
    return 0;
  } catch (thrown) {
    life.context.log(`Cleaning up failed: ${HostlerError.from(thrown).message}`);
    return 1;
  } finally {
    life.end();
    forget();
  }
}

/** How long cleaning up may take. */
export const cleanUpMs = 600_000;

class TaskLife {
  readonly context: TaskContext;
  readonly #controller = new AbortController();
  readonly #folder: TaskFolder;
  readonly #uninterruptible: boolean;
  readonly #heart: NodeJS.Timeout;
  readonly #deadline: NodeJS.Timeout | undefined;
  #fatal: ((reason: unknown) => void) | undefined;

  constructor(folder: TaskFolder, spec: SpecRecord) {
    this.#folder = folder;
    this.#uninterruptible = spec.uninterruptible;
    const voice = new TaskVoice(folder.events);
    // Kinds run many programs at a time, each listening for the end.
    setMaxListeners(0, this.#controller.signal);
    process.chdir('/');
    this.context = {
      id: spec.id,
      spec: spec.spec,
      dir: folder.dir,
      home: spec.home,
      installDir: spec.installDir,
      tftpDir: spec.tftpDir,
      correlation: spec.correlation,
      signal: this.#controller.signal,
      log: (line) => voice.log(line),
      progress: (stage, text, done = 0, total = 0, unit = '') =>
        voice.progress({ stage: stage.slice(0, 100), text: text.slice(0, 1_000), done, total, unit }),
    };
    this.#heart = setInterval(() => {
      folder.beat();
      voice.flush();
    }, 1_000);
    process.on('SIGTERM', this.#onTerm);
    process.on('SIGINT', this.#onTerm);
    // The agent may go; the task goes on.
    process.on('SIGHUP', ignore);
    process.on('uncaughtException', this.#onFatal);
    process.on('unhandledRejection', this.#onFatal);
    if (spec.deadlineAt !== undefined && !spec.uninterruptible) {
      const left = Math.max(0, spec.deadlineAt - Date.now());
      const late = new HostlerError(
        'deadline_exceeded',
        `${spec.title || spec.kind} did not end in time and was stopped.`,
      );
      this.#deadline = setTimeout(() => this.#controller.abort(late), Math.min(left, 2 ** 31 - 1));
    }
  }

  /** The task is ours: a cancel that came before counts as well. */
  begin(): void {
    this.#folder.beat();
    if (this.#folder.cancelled() !== undefined) this.#onTerm();
  }

  get aborted(): HostlerError | undefined {
    return this.#controller.signal.aborted ? HostlerError.from(this.#controller.signal.reason, 'cancelled') : undefined;
  }

  /** The work's outcome, or an error that nobody caught, whichever comes first. */
  guard<T>(work: Promise<T>): Promise<T> {
    const fatal = new Promise<never>((_, reject) => {
      this.#fatal = reject;
    });
    return Promise.race([work, fatal]);
  }

  end(): void {
    clearInterval(this.#heart);
    clearTimeout(this.#deadline);
    process.off('SIGTERM', this.#onTerm);
    process.off('SIGINT', this.#onTerm);
    process.off('SIGHUP', ignore);
    process.off('uncaughtException', this.#onFatal);
    process.off('unhandledRejection', this.#onFatal);
  }

  readonly #onTerm = (): void => {
    if (this.#uninterruptible) {
      this.context.log('Asked to stop: this task must not be stopped half-way, so it goes on to its end.');
      return;
    }
    const asked = this.#folder.cancelled();
    this.#controller.abort(
      asked === undefined
        ? new HostlerError(
            'aborted',
            'The process of the task was told to end (SIGTERM), but nobody cancelled the task.',
          )
        : new HostlerError(asked.code, asked.message),
    );
  };

  readonly #onFatal = (thrown: unknown): void => {
    const error = HostlerError.from(thrown);
    this.context.log(`Unexpected: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`);
    this.#fatal?.(new HostlerError('internal', `Unexpected error in the task: ${error.message}`, { cause: thrown }));
  };
}

function ignore(): void {}

function judged(thrown: unknown, life: TaskLife): Pick<ResultRecord, 'outcome' | 'code' | 'message'> {
  const error = life.aborted ?? HostlerError.from(thrown);
  return { outcome: error.code === 'cancelled' ? 'cancelled' : 'failed', code: error.code, message: error.message };
}

async function write(folder: TaskFolder, record: ResultRecord): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await folder.writeResult(record);
      return;
    } catch (error) {
      if (attempt >= resultAttempts) throw error;
      await sleep(1_000);
    }
  }
}
