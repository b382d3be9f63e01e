import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, closeSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import { atEnd } from '../lab/guard.ts';

/** A program that runs until it is stopped; what it prints goes to a log file. */
export class Program {
  readonly name: string;
  readonly log: string;
  readonly #child: ChildProcess;
  readonly #release: () => void;
  #over: string | undefined;

  private constructor(name: string, log: string, child: ChildProcess) {
    this.name = name;
    this.log = log;
    this.#child = child;
    // In a group of its own, so that Ctrl-C reaches it only through us; ended with us at the latest.
    this.#release = atEnd(() => this.#signal('SIGKILL'));
    child.once('error', (error) => (this.#over = `could not be started: ${error.message}`));
    child.once('exit', (code, signal) => (this.#over ??= `ended (${signal ?? `exit ${String(code)}`})`));
  }

  static start(
    name: string,
    argv: readonly string[],
    log: string,
    env: Readonly<Record<string, string>> = {},
  ): Program {
    mkdirSync(dirname(log), { recursive: true });
    const output = openSync(log, 'w');
    const [program = '', ...args] = argv;
    const child = spawn(program, args, {
      stdio: ['ignore', output, output],
      detached: true,
      env: { ...process.env, ...env },
    });
    closeSync(output);
    return new Program(name, log, child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Why it runs no more; undefined while it runs. */
  get over(): string | undefined {
    return this.#over;
  }

  /** Resolves when `ready` says so. Throws with the end of the log when it takes too long or the program ends. */
  async until(
    what: string,
    ready: () => boolean | Promise<boolean>,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await ready())) {
      if (this.#over !== undefined) throw this.failure(`${this.name} ${this.#over}`);
      if (Date.now() > deadline) throw this.failure(`${what} took longer than ${String(timeoutMs / 1000)} s`);
      await delay(100, undefined, { signal });
    }
  }

  failure(reason: string): HostlerError {
    const last = readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
    return new HostlerError('aborted', `${reason}. The log (${this.log}) ends with:\n${last}`);
  }

  /** Politely, then by force. */
  async stop(graceMs = 8_000): Promise<void> {
    this.#release();
    if (this.#over !== undefined) return;
    const ended = once(this.#child, 'exit');
    this.#signal('SIGTERM');
    const forced = setTimeout(() => this.#signal('SIGKILL'), graceMs);
    await ended;
    clearTimeout(forced);
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
    } catch {
      // Gone already.
    }
  }
}
