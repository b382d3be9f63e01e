import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { dist } from './real-manager.ts';

export interface Ended {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Command = (
  name: string,
  args?: readonly string[],
  options?: { input?: string; env?: Record<string, string>; timeoutMs?: number },
) => Promise<Ended>;

/** The programs of dist/bin with an environment of their own. Never throws for an exit code; ended after a minute unless told otherwise. */
export function commandsFor(env: Readonly<Record<string, string>>): Command {
  return (name, args = [], options = {}) =>
    new Promise((resolve, reject) => {
      const child = spawn(join(dist, 'bin', name), [...args], {
        env: { ...process.env, ...env, ...options.env },
        timeout: options.timeoutMs ?? 60_000,
      });
      const text = { stdout: '', stderr: '' };
      child.stdout.setEncoding('utf8').on('data', (piece: string) => (text.stdout += piece));
      child.stderr.setEncoding('utf8').on('data', (piece: string) => (text.stderr += piece));
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ exit: code ?? (signal === null ? -1 : 128), ...text }));
      child.stdin.on('error', () => undefined);
      child.stdin.end(options.input ?? '');
    });
}
