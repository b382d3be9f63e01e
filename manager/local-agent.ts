import { closeSync, existsSync, mkdirSync, openSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isAlive } from '../shared/process/alive.ts';
import { startDetached } from '../shared/process/detached.ts';
import type { Folders } from '../shared/verb/asked.ts';
import { homePaths } from './home.ts';

/** Milliseconds: between two starts of an agent that dies, and until it is stopped by force. */
const firstPause = 1_000;
const longestPause = 60_000;
const patience = 15_000;
/** An agent that lived so long had started well. */
const healthy = 30_000;
/** How often it is looked whether this machine has come to fit another role. */
const rolesEveryMs = 15_000;

export interface LocalAgentOptions {
  readonly home: string;
  /** What the agent is to offer, as it is now: a NIM master may be found there later. */
  readonly roles: () => readonly string[];
  readonly folders: Folders;
  readonly name: string;
  /** A fresh join token for these roles; asked at each start, needed at the first and when there are new roles. */
  readonly token: (roles: readonly string[]) => Promise<string>;
  /** One line for people. */
  readonly say: (line: string) => void;
}

interface Started {
  readonly pid: number;
  readonly startTime: string;
}

/** The agent's program: beside our own, or where HOSTLER_AGENT_PROGRAM says. */
export function agentProgram(env: NodeJS.ProcessEnv, own: string): string {
  return env['HOSTLER_AGENT_PROGRAM'] || join(dirname(realpathSync(own)), 'hostler-agent');
}

/**
 * Keeps an agent running on this machine until `stop`. It is started by a process that may do what the agent has to do,
 * which is root where there is one; it gets its token by the environment, where other users do not see it. An agent
 * that outlived its manager is taken over.
 */
export class LocalAgent {
  readonly #options: LocalAgentOptions;
  readonly #program: string;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #pid = 0;
  #roles = '';
  #looking: NodeJS.Timeout | undefined;

  constructor(options: LocalAgentOptions, program: string) {
    this.#options = options;
    this.#program = program;
  }

  start(): void {
    if (!existsSync(this.#program)) {
      this.#options.say(`no agent is started: ${this.#program} is not there (HOSTLER_AGENT_PROGRAM names another)`);
      return;
    }
    this.#running = this.#keep();
    this.#looking = setInterval(() => this.#look(), rolesEveryMs).unref();
  }

  /** An agent that is to offer more begins anew; its tasks go on meanwhile. */
  #look(): void {
    const roles = this.#options.roles().join(',');
    if (this.#pid === 0 || this.#roles === '' || roles === this.#roles) return;
    this.#options.say(`the agent on this machine is started again with other roles: ${roles}`);
    this.#roles = '';
    this.#signal('SIGTERM');
  }

  /** Ends the agent; tasks that it started go on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#looking);
    this.#signal('SIGTERM');
    const forced = setTimeout(() => this.#signal('SIGKILL'), patience);
    await this.#running;
    clearTimeout(forced);
  }

  /** A method, for it changes while something is awaited. */
  #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      if (this.#pid > 0) process.kill(this.#pid, signal);
    } catch {
      // It is gone already.
    }
  }

  async #keep(): Promise<void> {
    const { home, say } = this.#options;
    const pidFile = homePaths(home).agentPid;
    await this.#takeOver(pidFile);
    for (let wait = firstPause; !this.#isStopped(); wait = Math.min(longestPause, wait * 2)) {
      const began = Date.now();
      const how = await this.#once(pidFile).catch((error: unknown) =>
        error instanceof Error ? error.message : String(error),
      );
      rmSync(pidFile, { force: true });
      if (this.#isStopped()) return;
      if (Date.now() - began > healthy) wait = firstPause;
      say(`the agent on this machine ended (${how}); it is started again in ${wait / 1000} s`);
      await pause(wait, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  /** Waits for the end of an agent that was started by a manager before us. */
  async #takeOver(pidFile: string): Promise<void> {
    let earlier: Started;
    try {
      earlier = JSON.parse(readFileSync(pidFile, 'utf8')) as Started;
    } catch {
      return;
    }
    const alive = (): boolean => isAlive(earlier.pid, earlier.startTime);
    if (!alive()) return;
    this.#pid = earlier.pid;
    while (alive()) await pause(this.#isStopped() ? 50 : 1000);
    this.#pid = 0;
  }

  async #once(pidFile: string): Promise<string> {
    const { home, folders, name, token } = this.#options;
    const roles = this.#options.roles();
    const args = [this.#program, '--home', homePaths(home).agent, '--manager', `unix:${homePaths(home).socket}`];
    args.push('--name', name, '--roles', roles.join(','), '--install-dir', folders.install, '--tftp-dir', folders.tftp);
    const env = { HOSTLER_TOKEN: await token(roles) };
    if (this.#isStopped()) return 'not started';
    const { agent: agentHome, agentLog } = homePaths(home);
    mkdirSync(agentHome, { recursive: true, mode: 0o700 });
    const output = openSync(agentLog, 'a', 0o600);
    try {
      // Its own session: Ctrl-C at our terminal is ours to pass on.
      const agent = await startDetached(process.execPath, [...loader(this.#program), ...args], {
        cwd: '/',
        output,
        env,
      });
      this.#pid = agent.pid;
      this.#roles = roles.join(',');
      const started: Started = { pid: agent.pid, startTime: agent.startTime ?? '' };
      writeFileSync(pidFile, JSON.stringify(started), { mode: 0o644 });
      if (this.#isStopped()) this.#signal('SIGTERM');
      return await agent.ended;
    } finally {
      this.#pid = 0;
      closeSync(output);
    }
  }
}

/** From source the program is TypeScript. */
function loader(program: string): string[] {
  return program.endsWith('.ts') ? ['--import', 'tsx'] : [];
}
