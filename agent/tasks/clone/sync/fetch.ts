import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { processFailure } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';
import type { CloneSyncSpec } from '../../../../shared/task/clone-sync.ts';
import { agentProgram } from '../../image-tree/program.ts';
import type { TaskContext } from '../../types.ts';
import { openLine } from '../capture/line.ts';
import { statistic } from '../capture/fetch.ts';

/** How long the image server may take to be ready, or be out of reach. */
const patienceMs = 10 * 60_000;
const mostTries = 20;
/** A try that lasted so long waited for its turn, or was cut off on the way: neither means that the next one is in vain. */
const waitedMs = 5 * 60_000;

export interface FetchedTree {
  readonly bytes: number;
  /** Lines of rsync, as `--out-format=%i %n` has them. */
  readonly items: number;
}

/** A way for this machine's rsync to reach the modules of the agent that keeps the image. */
export class Lines {
  readonly #path: string;
  readonly #spec: CloneSyncSpec;
  readonly #context: TaskContext;
  readonly #server = createServer((socket) => void this.#join(socket));
  /** Of our own rsync; one that was ended while it waited would otherwise keep the server open. */
  readonly #open = new Set<Socket>();

  constructor(spec: CloneSyncSpec, context: TaskContext) {
    this.#path = join(context.home, `${spec.ticket.slice(0, 8)}.c`);
    this.#spec = spec;
    this.#context = context;
  }

  async open(): Promise<void> {
    await rm(this.#path, { force: true });
    await new Promise<void>((resolve, reject) => this.#server.once('error', reject).listen(this.#path, resolve));
  }

  async close(): Promise<void> {
    for (const local of this.#open) local.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#path, { force: true });
  }

  /** rsync from a module; broken lines are tried again, and go on with what is here. Returns the bytes that came. */
  async fetch(
    module: string,
    to: string,
    options: readonly string[],
    onItem: (flags: string, name: string) => void,
  ): Promise<number> {
    const args = [
      ...['-aHAXS', '--numeric-ids', '--timeout=600', '--out-format=%i %n', '--stats', ...options],
      `--rsh=${[process.execPath, agentProgram(), 'pipe', this.#path].join(' ')}`,
      `hostler::${module}/`,
      `${to}/`,
    ];
    let bytes = 0;
    for (let attempt = 1; ; attempt += 1) {
      const began = Date.now();
      try {
        const { stdout } = await run('rsync', args, {
          signal: this.#context.signal,
          env: { LC_ALL: 'C' },
          onLine: (line) => {
            const match = /^(\*deleting|[<>ch.][fdLDS]\S{9,}) +(.*)$/.exec(line);
            if (match !== null) onItem(match[1] ?? '', match[2] ?? '');
          },
        });
        return bytes + statistic(stdout, 'Total bytes received');
      } catch (error) {
        const failure = processFailure(error);
        if (failure === undefined || this.#context.signal.aborted) throw error;
        bytes += statistic(failure.stdout, 'Total bytes received');
        // Whoever asks too many at once for his patience waits on, until the task itself is too late.
        if (Date.now() - began > waitedMs) attempt = 1;
        // rsync(1), EXIT VALUES: what broke in between, and nothing else.
        if (![5, 10, 12, 30, 35].includes(failure.exit ?? 0) || attempt >= mostTries) {
          const why = failure.stderr.trim().split('\n')[0] ?? '';
          const what = module === 'root' ? 'The tree' : `The module ${module}`;
          throw new HostlerError(
            'unavailable',
            `${what} of ${this.#spec.image} could not be fetched whole: ${why}. Run updatenode -S again; it goes on from there.`,
            { cause: error },
          );
        }
        this.#context.log(`the line to ${this.#spec.store.agent} broke (rsync ${failure.exit ?? ''}); going on`);
        await delay(Math.min(1000 * attempt, 15_000), undefined, { signal: this.#context.signal });
      }
    }
  }

  async #join(local: Socket): Promise<void> {
    this.#open.add(local);
    local.on('error', () => local.destroy());
    local.on('close', () => this.#open.delete(local));
    const until = Date.now() + patienceMs;
    try {
      for (let pause = 300; ; pause = Math.min(pause * 2, 10_000)) {
        const line = await openLine(this.#spec, this.#context);
        if (typeof line !== 'string') {
          line.on('error', () => line.destroy());
          // Its rsync may have been ended while the line was opened.
          if (local.destroyed) {
            line.destroy();
            return;
          }
          local.on('close', () => line.destroy());
          line.on('close', () => local.destroySoon());
          local.pipe(line);
          line.pipe(local);
          return;
        }
        if (local.destroyed) return;
        if (Date.now() > until) {
          this.#context.log(`the image server ${this.#spec.store.agent} is out of reach: ${line}`);
          break;
        }
        await delay(pause, undefined, { signal: this.#context.signal });
      }
    } catch {
      // Stopped; the program at the other end sees its line closed.
    }
    local.destroy();
  }
}
