import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { isAlive } from './alive.ts';
import { startDetached } from './detached.ts';

/** Milliseconds until it is stopped by force. */
const patience = 15_000;
/** One that lived so long had started well. */
const healthy = 30_000;

/** One process for the life of the machine. */
export interface Started {
  readonly pid: number;
  /** See startTimeOf. */
  readonly startTime: string;
}

export interface KeptOptions {
  /** JSON: `Started`, and whatever stands in `note`, while it runs. */
  readonly pidFile: string;
  readonly pidMode: number;
  readonly note?: object;
  /** Standard output and error are appended here; 0600. */
  readonly log: string;
  /** Milliseconds between two starts of one that dies. */
  readonly pauses: readonly [first: number, longest: number];
  /** One that runs already, whoever started it: it is taken over. */
  readonly earlier: Started | undefined;
  /** Asked at each start; what it throws counts as an end. */
  readonly command: () => Command | Promise<Command>;
  /** It ended, and is started again in so many seconds. */
  readonly ended: (how: string, seconds: number) => void;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Keeps a program running until `stop`. It outlives who keeps it when that is killed; the next one takes it over. In a
 * session of its own: Ctrl-C at our terminal is ours to pass on.
 */
export class KeptProgram {
  readonly #options: KeptOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #pid = 0;

  constructor(options: KeptOptions) {
    this.#options = options;
    this.#running = this.#keep();
  }

  /** 0 between two lives. */
  get pid(): number {
    return this.#pid;
  }

  /** Aborted when it is to end. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  signal(signal: NodeJS.Signals): void {
    try {
      if (this.#pid > 0) process.kill(this.#pid, signal);
    } catch {
      // It is gone already.
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.signal('SIGTERM');
    const forced = setTimeout(() => this.signal('SIGKILL'), patience);
    await this.#running;
    clearTimeout(forced);
  }

  /** A method, for it changes while something is awaited. */
  #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #keep(): Promise<void> {
    const { earlier, pidFile, ended } = this.#options;
    const [first, longest] = this.#options.pauses;
    if (earlier !== undefined) {
      this.#pid = earlier.pid;
      while (isAlive(earlier.pid, earlier.startTime)) await pause(this.#isStopped() ? 50 : 500);
      this.#pid = 0;
      rmSync(pidFile, { force: true });
    }
    for (let wait = first; !this.#isStopped(); wait = Math.min(longest, wait * 2)) {
      const began = Date.now();
      const how = await this.#once().catch((error: unknown) =>
        error instanceof Error ? error.message : String(error),
      );
      rmSync(pidFile, { force: true });
      if (this.#isStopped()) return;
      if (Date.now() - began > healthy) wait = first;
      ended(how, wait / 1000);
      await pause(wait, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  async #once(): Promise<string> {
    const { pidFile, pidMode, note, log, command } = this.#options;
    const { program, args, env } = await command();
    if (this.#isStopped()) return 'not started';
    const output = openSync(log, 'a', 0o600);
    try {
      const child = await startDetached(program, args, { cwd: '/', output, env });
      this.#pid = child.pid;
      const started: Started = { pid: child.pid, startTime: child.startTime ?? '' };
      try {
        writeFileSync(pidFile, JSON.stringify({ ...started, ...note }), { mode: pidMode });
      } catch (error) {
        // Nobody could find it again, and the next one would be a second one beside it.
        this.signal('SIGKILL');
        await child.ended;
        throw error;
      }
      if (this.#isStopped()) this.signal('SIGTERM');
      return await child.ended;
    } finally {
      this.#pid = 0;
      closeSync(output);
    }
  }
}
