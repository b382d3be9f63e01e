import { createInterface } from 'node:readline/promises';
import type { Writer } from '../show/writer.ts';

/** Exit code of a command that was left by Ctrl-C, as shells have it. */
export const interruptedExit = 130;

export interface InterruptActions {
  /** The job being followed; undefined: nothing outlives this command. */
  job(): string | undefined;
  /** Asks the manager to stop it; resolves with what it says. */
  cancel(job: string): Promise<string>;
  /** Before anything is asked or said, and after. */
  pause(): void;
  resume(): void;
}

/**
 * Ctrl-C while a job is followed. In a terminal it asks once whether to leave the job running, to cancel it or to go on
 * watching; a second Ctrl-C leaves. Elsewhere the job is left running. `left` aborts when the command is to end.
 */
export class Interrupt {
  readonly #leave = new AbortController();
  readonly #writer: Writer;
  readonly #actions: InterruptActions;
  #asking = false;
  readonly #listener = (): void => void this.#pressed();

  constructor(writer: Writer, actions: InterruptActions) {
    this.#writer = writer;
    this.#actions = actions;
    process.on('SIGINT', this.#listener);
  }

  get left(): AbortSignal {
    return this.#leave.signal;
  }

  stop(): void {
    process.removeListener('SIGINT', this.#listener);
  }

  async #pressed(): Promise<void> {
    const job = this.#actions.job();
    this.#actions.pause();
    if (job === undefined) {
      this.#leave.abort();
      return;
    }
    if (this.#asking || !process.stdin.isTTY || !process.stderr.isTTY) {
      await this.#goodbye(job);
      return;
    }
    this.#asking = true;
    try {
      const answer = await ask(
        `\nJob ${job} is running. [l]eave it running, [c]ancel it, or [Enter] to go on watching? `,
      );
      if (answer === 'c') await this.#writer.error(`${await this.#actions.cancel(job)}\n`);
      else if (answer === 'l' || answer === undefined) await this.#goodbye(job);
    } finally {
      this.#asking = false;
      this.#actions.resume();
    }
  }

  async #goodbye(job: string): Promise<void> {
    await this.#writer.error(`Job ${job} goes on. Follow it with: hostler job ${job} --follow\n`);
    this.#leave.abort();
  }
}

/** The first letter of the answer; undefined when the input ended or Ctrl-C came again. */
async function ask(question: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const again = new AbortController();
  lines.once('SIGINT', () => again.abort());
  lines.once('close', () => again.abort());
  try {
    return (await lines.question(question, { signal: again.signal })).trim().charAt(0).toLowerCase();
  } catch {
    return undefined;
  } finally {
    lines.close();
  }
}
