// The manager is no program that is run, but the other half of this one: with a channel and another user id.
// eslint-disable-next-line no-restricted-imports
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync } from 'node:fs';
import { findUser } from './api/users.ts';
import type { ManagerOptions } from './arguments.ts';
import { LocalAgent, type LocalAgentOptions, agentProgram } from './local-agent.ts';

/** Set for the manager that a supervisor started. */
export const supervisedVariable = 'HOSTLER_SUPERVISED';

/** What the manager tells its supervisor. */
export type FromManager =
  { readonly tell: 'ready' } | { readonly tell: 'token'; readonly number: number; readonly token: string };
/** What the supervisor asks of the manager. */
export interface ToManager {
  readonly ask: 'token';
  readonly number: number;
  readonly roles: readonly string[];
}

function isFromManager(message: unknown): message is FromManager {
  return typeof message === 'object' && message !== null && 'tell' in message;
}

/**
 * Started by hand as root with --user: this process stays root and does nothing but keep two others, the manager as an
 * ordinary user and the agent as root. Resolves with the manager's exit code.
 */
export async function supervise(
  options: ManagerOptions,
  user: string,
  name: string,
  say: (line: string) => void,
): Promise<number> {
  const { uid, gid } = findUser(user);
  mkdirSync(options.home, { recursive: true });
  chownSync(options.home, uid, gid);
  const env = { ...process.env, [supervisedVariable]: '1' };
  const manager = fork(process.argv[1] ?? '', process.argv.slice(2), { uid, gid, env });
  const agent =
    options.agentRoles === undefined ? undefined : localAgent(options, options.agentRoles, manager, name, say);
  manager.on('message', (message) => {
    if (isFromManager(message) && message.tell === 'ready') agent?.start();
  });
  const stop = (signal: NodeJS.Signals): void => void manager.kill(signal);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  try {
    const [code, signal] = (await once(manager, 'exit')) as [number | null, NodeJS.Signals | null];
    if (signal !== null) say(`the manager was ended by ${signal}`);
    return code ?? 1;
  } finally {
    await agent?.stop();
  }
}

function localAgent(
  { home, folders }: ManagerOptions,
  roles: () => readonly string[],
  manager: ChildProcess,
  name: string,
  say: (line: string) => void,
): LocalAgent {
  let asked = 0;
  const token = (wanted: readonly string[]): Promise<string> => {
    const number = ++asked;
    return new Promise((resolve, reject) => {
      const hear = (message: unknown): void => {
        if (!isFromManager(message) || message.tell !== 'token' || message.number !== number) return;
        manager.off('message', hear);
        resolve(message.token);
      };
      manager.on('message', hear);
      manager.once('exit', () => reject(new Error('the manager has ended')));
      manager.send({ ask: 'token', number, roles: wanted } satisfies ToManager);
    });
  };
  const agent: LocalAgentOptions = { home, roles, folders, name, token, say };
  return new LocalAgent(agent, agentProgram(process.env, process.argv[1] ?? ''));
}
