import { spawn } from 'node:child_process';
import { startTimeOf } from './alive.ts';

export interface Detached {
  readonly pid: number;
  /** See startTimeOf; undefined when it ended at once. */
  readonly startTime: string | undefined;
  /** How it ended, as long as this process lives to see it: `exit 3` or `SIGKILL`. */
  readonly ended: Promise<string>;
}

/**
 * Starts a program that outlives this process: own session, no terminal, standard output and error to an open file
 * (the caller closes it). Rejects when it cannot be started.
 */
export async function startDetached(
  program: string,
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly output: number;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Promise<Detached> {
  const child = spawn(program, [...args], {
    cwd: options.cwd,
    env: Object.fromEntries(Object.entries({ ...process.env, ...options.env }).filter(([, v]) => v !== undefined)),
    stdio: ['ignore', options.output, options.output],
    detached: true,
  });
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code === null ? String(signal) : `exit ${code}`));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.unref();
  const pid = child.pid ?? 0;
  return { pid, startTime: startTimeOf(pid), ended };
}
