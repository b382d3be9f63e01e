import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

export interface StepResult {
  readonly ok: boolean;
  /** What it printed, both streams as they came; empty when it was shown at once. */
  readonly output: string;
  readonly seconds: number;
  /** Why it did not end well: exit code, signal or bound. */
  readonly reason: string;
}

/**
 * Runs one program of node_modules/.bin (or by path) in a process group of its own, from the top of the tree. After
 * `bound` seconds the whole group is ended.
 */
export function step(
  argv: readonly string[],
  options: { bound: number; show?: boolean; env?: Record<string, string> },
): Promise<StepResult> {
  const [program = '', ...args] = argv;
  const started = Date.now();
  const path = `${resolve(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`;
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, PATH: path, ...options.env },
    stdio: ['ignore', options.show === true ? 'inherit' : 'pipe', options.show === true ? 'inherit' : 'pipe'],
    detached: true,
  });
  const pieces: Buffer[] = [];
  child.stdout?.on('data', (piece: Buffer) => pieces.push(piece));
  child.stderr?.on('data', (piece: Buffer) => pieces.push(piece));
  let late = false;
  const end = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // Gone already.
    }
  };
  // Polite first: tests clean up namespaces and virtual machines.
  const polite = setTimeout(() => {
    late = true;
    end('SIGTERM');
  }, options.bound * 1000);
  const forced = setTimeout(() => end('SIGKILL'), (options.bound + 20) * 1000);
  const interrupted = (): void => end('SIGINT');
  process.once('SIGINT', interrupted);
  return new Promise((done) => {
    const finish = (ok: boolean, reason: string): void => {
      clearTimeout(polite);
      clearTimeout(forced);
      process.removeListener('SIGINT', interrupted);
      done({ ok, output: Buffer.concat(pieces).toString(), seconds: (Date.now() - started) / 1000, reason });
    };
    child.once('error', (error) => finish(false, error.message));
    child.once('close', (code, signal) => {
      const how = signal === null ? `exit ${String(code)}` : signal;
      finish(code === 0 && !late, late ? `took longer than ${String(options.bound)} s` : how);
    });
  });
}
