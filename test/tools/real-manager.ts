import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root } from './step.ts';

export const dist = join(root, 'dist');

/** What to run instead of an argument vector, so that it runs elsewhere. */
type Inside = (argv: readonly string[]) => readonly string[];

/** dist/hostler-manager in a home of its own. `using`-like: call dispose in every outcome. */
export class RealManager {
  readonly home: string;
  readonly #argv: readonly string[];
  readonly #inside: Inside;
  #child: ChildProcess | undefined;

  private constructor(home: string, argv: readonly string[], inside: Inside) {
    this.home = home;
    this.#argv = argv;
    this.#inside = inside;
  }

  /** More arguments than --home; by default no agent is started with it. `inside`: in a namespace, for one. */
  static async start(args: readonly string[] = ['--no-agent'], inside: Inside = (argv) => argv): Promise<RealManager> {
    const manager = new RealManager(mkdtempSync(join(tmpdir(), 'hostler-m-')), args, inside);
    try {
      await manager.up();
      return manager;
    } catch (thrown) {
      await manager.dispose();
      throw thrown;
    }
  }

  /** Starts it (again). Resolves when the socket answers. */
  async up(): Promise<void> {
    const log = openSync(this.log, 'a');
    const [program = '', ...argv] = this.#inside([join(dist, 'hostler-manager'), '--home', this.home, ...this.#argv]);
    const child = spawn(program, argv, {
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    const until = Date.now() + 20_000;
    const socket = join(this.home, 'manager.sock');
    rmSync(socket, { force: true });
    while (!existsSync(socket)) {
      if (child.exitCode !== null || Date.now() > until) {
        throw new Error(`The manager did not start. It said:\n${readFileSync(this.log, 'utf8').slice(-3000)}`);
      }
      await delay(30);
    }
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get log(): string {
    return join(this.home, 'manager.out');
  }

  /** What the commands of dist/bin need to find it. */
  get env(): Readonly<Record<string, string>> {
    return { HOSTLER_HOME: this.home };
  }

  /** The whole group at once, as a power cut would. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    process.kill(-child.pid, signal);
    await gone;
  }

  async dispose(): Promise<void> {
    await this.kill('SIGTERM');
    rmSync(this.home, { recursive: true, force: true });
  }
}
