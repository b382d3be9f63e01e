import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import { HostlerError } from '../errors/error.ts';
import { recordChild } from './children.ts';
import { groupLives } from './alive.ts';
import { failed, ProcessFailure } from './failure.ts';
import { installHint } from './hints.ts';
import { BoundedOutput, LineSplitter } from './output.ts';
import { printable } from './printable.ts';
import { searchPath } from './which.ts';

export interface RunOptions {
  /** Aborting stops the whole process group, politely, then by force. Its reason, if a HostlerError, is what is thrown. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** Between the polite stop and the forced one. Default 5 s. */
  readonly graceMs?: number | undefined;
  readonly cwd?: string | undefined;
  /** Added to this process's environment; undefined takes a variable away. The place for secrets. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** False: the program sees only PATH, `env`, and what ties it to its task. Default true. */
  readonly inheritEnv?: boolean | undefined;
  /** Standard input; nothing: end of file at once. */
  readonly input?: string | Buffer | Readable | undefined;
  /** Every line as it comes, without its end; CR ends a line too. Throwing stops the program. */
  readonly onLine?: ((line: string, from: 'out' | 'err') => void) | undefined;
  /** Standard output goes to this open file instead of `stdout` and `onLine`. The caller closes it. */
  readonly stdoutTo?: number | undefined;
  /** Standard output goes there as it comes, no faster than it is taken; when it closes, the program is stopped. */
  readonly output?: Writable | undefined;
  /** Bytes kept of each output stream, half from its head, half from its tail. Default 1 MiB. */
  readonly keepBytes?: number | undefined;
  /** Exit codes besides 0 that are no failure; `any`: all, and then also the end by a signal (exit 128 + n). */
  readonly allowExit?: readonly number[] | 'any' | undefined;
  /** Stop what the program left running in its group when it ends. Default false: it may have started a service. */
  readonly endGroup?: boolean | undefined;
}

export interface RunResult {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Bytes of output that were not kept. */
  readonly leftOut: number;
  readonly seconds: number;
}

/** How long a grandchild may hold the output open after the program itself ended, while it prints nothing. */
const drainQuietMs = 1_000;
const drainMostMs = 10_000;

/**
 * Runs a program to its end, in a process group of its own, never through a shell. Done is: it exited and its output
 * was read to the end (a grandchild that keeps the output open is waited for a little while only).
 * Throws HostlerError: `failed_precondition` when the program is not there, `deadline_exceeded`, `cancelled` (or the
 * signal's own reason), `internal` for a failure (`processFailure(error)` then tells exit code and output).
 */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  options.signal?.throwIfAborted();
  return new Running(program, args, options).result;
}

class Running {
  readonly result: Promise<RunResult>;
  readonly #program: string;
  readonly #options: RunOptions;
  readonly #child: ChildProcess;
  readonly #started = process.hrtime.bigint();
  readonly #out: BoundedOutput;
  readonly #err: BoundedOutput;
  readonly #lines: LineSplitter[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopping: HostlerError | undefined;
  #lastOutput = Date.now();

  constructor(program: string, args: readonly string[], options: RunOptions) {
    this.#program = program;
    this.#options = options;
    this.#out = new BoundedOutput(options.keepBytes ?? 1 << 20);
    this.#err = new BoundedOutput(options.keepBytes ?? 1 << 20);
    const stdio: StdioOptions = [options.input === undefined ? 'ignore' : 'pipe', options.stdoutTo ?? 'pipe', 'pipe'];
    try {
      // detached: a session and process group of its own, so that the whole group can be stopped.
      this.#child = spawn(program, [...args], { cwd: options.cwd, env: environment(options), stdio, detached: true });
    } catch (error) {
      throw this.#notStarted(error);
    }
    this.result = this.#follow();
  }

  async #follow(): Promise<RunResult> {
    const child = this.#child;
    const forget = child.pid === undefined ? () => {} : recordChild(child.pid, this.#program);
    const onAbort = (): void => this.#stop(abortReason(this.#options.signal, this.#program));
    this.#options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.#listen();
      if (this.#options.timeoutMs !== undefined) this.#after(this.#options.timeoutMs, () => this.#stop(this.#late()));
      if (this.#options.signal?.aborted === true) onAbort();
      const { exit, endedBy } = await this.#exited();
      if (this.#stopping !== undefined || this.#options.endGroup === true) await this.#groupGone();
      await this.#drained();
      for (const lines of this.#lines) lines.end();
      return this.#judge(exit, endedBy);
    } finally {
      this.#options.signal?.removeEventListener('abort', onAbort);
      for (const timer of this.#timers) clearTimeout(timer);
      child.stdout?.destroy();
      child.stderr?.destroy();
      forget();
    }
  }

  #listen(): void {
    const { output } = this.#options;
    if (output === undefined) this.#read(this.#child.stdout, this.#out, 'out');
    else {
      this.#child.stdout?.pipe(output, { end: false });
      output.once('close', () =>
        this.#stop(new HostlerError('aborted', `nobody takes the output of ${this.#program} any more`)),
      );
    }
    this.#read(this.#child.stderr, this.#err, 'err');
    const { stdin } = this.#child;
    if (stdin === null) return;
    // A program that does not read all of its input is no failure by itself; its exit code tells.
    stdin.on('error', () => {});
    const { input } = this.#options;
    if (input instanceof Readable) {
      input.on('error', (error) => this.#stop(HostlerError.from(error)));
      input.pipe(stdin);
    } else stdin.end(input);
  }

  #read(stream: Readable | null, keep: BoundedOutput, from: 'out' | 'err'): void {
    if (stream === null) return;
    const onLine = this.#options.onLine;
    const lines = new LineSplitter((line) => {
      try {
        onLine?.(line, from);
      } catch (error) {
        this.#stop(HostlerError.from(error));
      }
    });
    this.#lines.push(lines);
    stream.on('data', (chunk: Buffer) => {
      this.#lastOutput = Date.now();
      keep.add(chunk);
      if (onLine !== undefined) lines.add(chunk);
    });
    stream.on('error', () => {});
  }

  #exited(): Promise<{ exit: number | null; endedBy: NodeJS.Signals | null }> {
    return new Promise((resolve, reject) => {
      this.#child.once('error', (error) => reject(this.#notStarted(error)));
      this.#child.once('exit', (exit, endedBy) => resolve({ exit, endedBy }));
    });
  }

  /** Until both streams were read to their end, or nothing has come for a while. */
  async #drained(): Promise<void> {
    const streams = [this.#child.stdout, this.#child.stderr].filter((stream) => stream !== null);
    const open = streams.filter((stream) => !stream.closed);
    const ended = Promise.all(open.map((stream) => new Promise<void>((done) => stream.once('close', () => done()))));
    const bound = Date.now() + drainMostMs;
    this.#lastOutput = Date.now();
    await new Promise<void>((resolve) => {
      void ended.then(() => resolve());
      const look = (): void => {
        const now = Date.now();
        if (now - this.#lastOutput >= drainQuietMs || now >= bound) {
          for (const stream of streams) stream.destroy();
          resolve();
        } else this.#after(50, look);
      };
      this.#after(50, look);
    });
  }

  #stop(reason: HostlerError): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = reason;
    this.#send('SIGTERM');
    this.#after(this.#options.graceMs ?? 5_000, () => this.#send('SIGKILL'));
  }

  /** After the leader's end: the rest of its group gets the same grace, then the forced stop. */
  async #groupGone(): Promise<void> {
    const { pid } = this.#child;
    if (pid === undefined || !groupLives(pid)) return;
    this.#send('SIGTERM');
    const forceAt = Date.now() + (this.#options.graceMs ?? 5_000);
    const bound = forceAt + 2_000;
    while (groupLives(pid) && Date.now() < bound) {
      if (Date.now() >= forceAt) this.#send('SIGKILL');
      await new Promise<void>((resolve) => this.#after(40, resolve));
    }
  }

  #send(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // the group is gone already
    }
  }

  #judge(exit: number | null, endedBy: NodeJS.Signals | null): RunResult {
    if (this.#stopping !== undefined) throw this.#stopping;
    const { allowExit } = this.#options;
    const ok = exit === 0 || allowExit === 'any' || (exit !== null && (allowExit ?? []).includes(exit));
    const stdout = this.#out.text();
    const stderr = this.#err.text();
    if (!ok) throw failed(new ProcessFailure({ program: this.#program, exit, endedBy, stdout, stderr }));
    return {
      exit: exit ?? 128 + signalNumber(endedBy),
      stdout,
      stderr,
      leftOut: this.#out.leftOut + this.#err.leftOut,
      seconds: Number(process.hrtime.bigint() - this.#started) / 1e9,
    };
  }

  #late(): HostlerError {
    const seconds = Math.round((this.#options.timeoutMs ?? 0) / 100) / 10;
    return new HostlerError('deadline_exceeded', `${this.#program} did not end within ${seconds} s and was stopped`);
  }

  #notStarted(thrown: unknown): HostlerError {
    const error = thrown as NodeJS.ErrnoException;
    const program = printable(this.#program);
    const { cwd } = this.#options;
    const cause = { cause: thrown };
    if (error.code === 'ENOENT' && cwd !== undefined && !existsSync(cwd))
      return new HostlerError(
        'failed_precondition',
        `${program} cannot run in ${printable(cwd)}: no such folder`,
        cause,
      );
    if (error.code === 'ENOENT')
      return new HostlerError(
        'failed_precondition',
        `program ${program} is not installed: ${installHint(program)}`,
        cause,
      );
    if (error.code === 'EACCES')
      return new HostlerError('failed_precondition', `program ${program} may not be run: permission denied`, cause);
    return new HostlerError('internal', `program ${program} could not be started: ${printable(error.message)}`, cause);
  }

  #after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }
}

function environment(options: RunOptions): NodeJS.ProcessEnv {
  const { HOSTLER_TASK_DIR } = process.env;
  const base: NodeJS.ProcessEnv = options.inheritEnv === false ? {} : { ...process.env };
  if (HOSTLER_TASK_DIR !== undefined) base['HOSTLER_TASK_DIR'] = HOSTLER_TASK_DIR;
  base['PATH'] = searchPath().join(':');
  Object.assign(base, options.env);
  return Object.fromEntries(Object.entries(base).filter(([, value]) => value !== undefined));
}

function abortReason(signal: AbortSignal | undefined, program: string): HostlerError {
  const reason: unknown = signal?.reason;
  return reason instanceof HostlerError
    ? reason
    : new HostlerError('cancelled', `${program} was stopped because it is no longer wanted`, { cause: reason });
}

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

function signalNumber(signal: NodeJS.Signals | null): number {
  return signalNumbers[signal ?? ''] ?? 0;
}
