import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandNames } from '../../cli/commands/index.ts';
import type { Answer } from './cases.ts';

/** Longer than any recorded line takes. */
const bound = 60_000;

/** Runs a program to its end with standard input from the text, or from nowhere. */
export function run(
  program: string,
  argv: readonly string[],
  stdin: string | undefined,
  environment: NodeJS.ProcessEnv,
  cwd: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, {
      cwd,
      env: environment,
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      timeout: bound,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin ?? '');
    child.on('error', reject);
    child.on('close', (rc) => resolve({ rc: rc ?? 124, stdout, stderr }));
  });
}

/** A PATH in which every command of ours asks `answer` in this process. */
export class Relay {
  readonly #answer: (words: readonly string[], stdin: string) => Answer;
  #folder = '';
  #server: Server | undefined;

  constructor(answer: (words: readonly string[], stdin: string) => Answer) {
    this.#answer = answer;
  }

  async start(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'hostler-relay-'));
    const program = fileURLToPath(new URL('relay.mjs', import.meta.url));
    await chmod(program, 0o755);
    for (const name of commandNames()) await symlink(program, join(this.#folder, name));
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      let text = '';
      socket.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      socket.on('error', () => undefined);
      socket.on('end', () => {
        const { words, stdin } = JSON.parse(text) as { words: string[]; stdin: string };
        socket.end(JSON.stringify(this.#answer(words, stdin)));
      });
    });
    await new Promise<void>((resolve) => this.#server?.listen(this.#socket, resolve));
  }

  get #socket(): string {
    return join(this.#folder, 'socket');
  }

  run(line: string, stdin: string | undefined, cwd: string): Promise<Answer> {
    const environment = { LC_ALL: 'C', PATH: `${this.#folder}:/usr/bin:/bin`, ORACLE_SOCKET: this.#socket };
    return run('bash', ['-c', line], stdin, environment, cwd);
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => (this.#server === undefined ? resolve(undefined) : this.#server.close(resolve)));
    await rm(this.#folder, { recursive: true, force: true });
  }
}
