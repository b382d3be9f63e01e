import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isAlive } from '../shared/process/alive.ts';
import { KeptProgram, type Started } from '../shared/process/kept.ts';
import type { Folders } from '../shared/verb/asked.ts';
import { homePaths } from './home.ts';

/** Milliseconds between two starts of an agent that dies. */
const pauses = [1_000, 60_000] as const;
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
  #kept: KeptProgram | undefined;
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
    const { home, say } = this.#options;
    const { agentPid, agentLog } = homePaths(home);
    this.#kept = new KeptProgram({
      pidFile: agentPid,
      pidMode: 0o644,
      log: agentLog,
      pauses,
      earlier: readEarlier(agentPid),
      command: () => this.#command(),
      ended: (how, seconds) => say(`the agent on this machine ended (${how}); it is started again in ${seconds} s`),
    });
    this.#looking = setInterval(() => this.#look(), rolesEveryMs).unref();
  }

  /** An agent that is to offer more begins anew; its tasks go on meanwhile. */
  #look(): void {
    const roles = this.#options.roles().join(',');
    if (this.#kept === undefined || this.#kept.pid === 0 || this.#roles === '' || roles === this.#roles) return;
    this.#options.say(`the agent on this machine is started again with other roles: ${roles}`);
    this.#roles = '';
    this.#kept.signal('SIGTERM');
  }

  /** Ends the agent; tasks that it started go on. */
  async stop(): Promise<void> {
    clearInterval(this.#looking);
    await this.#kept?.stop();
  }

  async #command(): Promise<{ program: string; args: string[]; env: Record<string, string> }> {
    const { home, folders, name, token } = this.#options;
    const roles = this.#options.roles();
    const { agent, socket } = homePaths(home);
    const args = [this.#program, '--home', agent, '--manager', `unix:${socket}`];
    args.push('--name', name, '--roles', roles.join(','), '--install-dir', folders.install, '--tftp-dir', folders.tftp);
    const env = { HOSTLER_TOKEN: await token(roles) };
    mkdirSync(agent, { recursive: true, mode: 0o700 });
    this.#roles = roles.join(',');
    return { program: process.execPath, args: [...loader(this.#program), ...args], env };
  }
}

/** An agent that was started by a manager before us, and still runs. */
function readEarlier(pidFile: string): Started | undefined {
  try {
    const earlier = JSON.parse(readFileSync(pidFile, 'utf8')) as Started;
    return isAlive(earlier.pid, earlier.startTime) ? earlier : undefined;
  } catch {
    return undefined;
  }
}

/** From source the program is TypeScript. */
function loader(program: string): string[] {
  return program.endsWith('.ts') ? ['--import', 'tsx'] : [];
}
