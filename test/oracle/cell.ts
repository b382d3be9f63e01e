import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('cell.sh', import.meta.url));

/** Why cells cannot be made here; undefined: they can. */
export function whyNoCells(): string | undefined {
  if (process.getuid?.() !== 0) return 'mount and network namespaces need root';
  const probe = spawnSync('unshare', ['--mount', '--net', '--uts', 'true'], { encoding: 'utf8' });
  if (probe.error !== undefined) return `unshare cannot be run: ${probe.error.message}`;
  return probe.status === 0 ? undefined : `unshare says: ${probe.stderr.trim()}`;
}

/** A place with mounts, network and host name of its own, in which nothing of the machine can be changed by mistake. */
export class Cell {
  readonly #folder: string;
  readonly #process: ChildProcess;
  #said = '';

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (this.#said += String(text)));
  }

  /**
   * The command is the cell's first process; the cell lasts as long as it does. `shown`: folders of the machine, by
   * the name under which they stand in the cell's /opt.
   */
  static async open(
    hostname: string,
    shown: Readonly<Record<string, string>>,
    command: readonly string[],
    environment: NodeJS.ProcessEnv,
  ): Promise<Cell> {
    const folder = await mkdtemp(join(tmpdir(), 'hostler-cell-'));
    const argv = ['--mount', '--net', '--uts', 'sh', script, folder, hostname];
    argv.push(...Object.entries(shown).map(([name, path]) => `${name}=${path}`), '--', ...command);
    const child = spawn('unshare', argv, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    return new Cell(folder, child);
  }

  /** The arguments that put a command into the cell. */
  enter(command: readonly string[]): readonly [program: string, argv: readonly string[]] {
    const target = ['--target', String(this.#process.pid)];
    return ['nsenter', [...target, '--mount', '--net', '--uts', '--root', '--', ...command]];
  }

  /** Waits until `ready` says so. @throws Error with what the first process printed when it ends before. */
  async until(ready: () => Promise<boolean>, seconds: number): Promise<void> {
    const end = Date.now() + seconds * 1000;
    while (Date.now() < end) {
      if (await ready()) return;
      if (this.#process.exitCode !== null) break;
      await wait(50);
    }
    throw new Error(`The cell did not become ready. It said:\n${this.#said}`);
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill('SIGTERM');
      const killer = setTimeout(() => this.#process.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(killer);
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
