import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { run } from '../../shared/process/run.ts';
import { showCommand } from './show.ts';

/** The commands of dist/bin, asking one manager. */
export class Commands {
  readonly #bin: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #signal: AbortSignal;

  constructor(bin: string, home: string, signal: AbortSignal) {
    this.#bin = bin;
    this.#env = { HOSTLER_HOME: home };
    this.#signal = signal;
  }

  /** Shows the command and what it prints, as a user would see it. Throws when its exit code is not 0. */
  async shown(name: string, ...args: string[]): Promise<void> {
    this.#signal.throwIfAborted();
    showCommand([name, ...args]);
    // No terminal as input: on Ctrl-C the command leaves, and the quickstart cleans up.
    const child = spawn(join(this.#bin, name), args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...this.#env },
    });
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    this.#signal.throwIfAborted();
    if (code !== 0)
      throw new HostlerError(
        'aborted',
        `${basename(name)} failed (${signal ?? `exit ${String(code)}`}); what it said stands above`,
      );
  }

  /** Its standard output. Not shown. */
  async quiet(name: string, ...args: string[]): Promise<string> {
    const { stdout } = await run(join(this.#bin, name), args, {
      env: this.#env,
      timeoutMs: 180_000,
      signal: this.#signal,
    });
    return stdout;
  }

  async json(name: string, ...args: string[]): Promise<unknown> {
    return JSON.parse(await this.quiet(name, ...args, '--json'));
  }
}
