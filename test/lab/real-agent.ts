import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TaskFolder } from '../../agent/spool/folder.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { isAlive, processIds } from '../../shared/process/alive.ts';
import type { Command } from '../tools/commands.ts';
import { type RealManager, dist } from '../tools/real-manager.ts';

/** dist/hostler-agent, joined to a manager by its socket; started, killed and started again. */
export class RealAgent {
  readonly home: string;
  readonly log: string;
  readonly #name: string;
  readonly #roles: string;
  readonly #manager: RealManager;
  readonly #command: Command;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;

  constructor(
    manager: RealManager,
    command: Command,
    own: { home: string; name: string; roles: string; env?: Readonly<Record<string, string>> },
  ) {
    this.home = own.home;
    this.log = join(own.home, 'agent.out');
    this.#name = own.name;
    this.#roles = own.roles;
    this.#manager = manager;
    this.#command = command;
    this.#env = own.env ?? {};
    mkdirSync(own.home, { recursive: true, mode: 0o700 });
  }

  /** Starts it (again); resolves when the manager calls it connected. `before`: a program that becomes the agent. */
  async up(before: readonly string[] = []): Promise<void> {
    const token = (await this.#command('hostler', ['agents', 'token', '--roles', this.#roles])).stdout.trim();
    const output = openSync(this.log, 'a');
    const [program = '', ...args] = [
      ...before,
      join(dist, 'hostler-agent'),
      ...['--home', this.home, '--manager', `unix:${join(this.#manager.home, 'manager.sock')}`],
      ...['--name', this.#name, '--roles', this.#roles],
    ];
    const child = spawn(program, args, {
      stdio: ['ignore', output, output],
      detached: true,
      env: { ...process.env, ...this.#env, HOSTLER_TOKEN: token },
    });
    closeSync(output);
    this.#child = child;
    await eventually(
      `the agent ${this.#name} is connected`,
      async () => {
        if (child.exitCode !== null)
          throw new Error(`It ended. It said:\n${readFileSync(this.log, 'utf8').slice(-3000)}`);
        return await this.connected();
      },
      { timeoutMs: 30_000, everyMs: 200 },
    );
  }

  async connected(): Promise<boolean> {
    const { stdout } = await this.#command('hostler', ['agents', '--json']);
    const agents = JSON.parse(stdout || '[]') as { name: string; state: string }[];
    return agents.some(({ name, state }) => name === this.#name && state === 'connected');
  }

  /** The agent alone: what it started lives on. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** Its task under way; there is one at most in these tests. */
  task(): TaskFolder | undefined {
    const spool = join(this.home, 'spool');
    const names = readdirSync(spool).filter((name) => !name.startsWith('.'));
    return names[0] === undefined ? undefined : new TaskFolder(join(spool, names[0]));
  }

  /** Processes of its tasks, and what these started. */
  taskProcesses(): number[] {
    return processIds().filter((pid) => {
      try {
        return readFileSync(`/proc/${String(pid)}/environ`, 'utf8').includes(`=${this.home}/spool/`) && isAlive(pid);
      } catch {
        return false;
      }
    });
  }

  async dispose(): Promise<void> {
    await this.kill('SIGTERM');
    for (const pid of this.taskProcesses()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone already.
      }
    }
  }
}
