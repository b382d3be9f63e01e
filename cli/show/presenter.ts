import type { Event__Output } from '../../shared/wire/generated/hostler/v1/Event.ts';
import type { ProgressView } from './progress.ts';
import type { Writer } from './writer.ts';

/** Which parts of a job are shown. */
export interface Shown {
  readonly output: boolean;
  readonly log: boolean;
  readonly progress: boolean;
}

export const commandShows: Shown = { output: true, log: false, progress: true };

/** Events to text: output as it comes, progress on standard error. */
export class Presenter {
  readonly #writer: Writer;
  readonly #progress: ProgressView;
  readonly #shown: Shown;

  constructor(writer: Writer, progress: ProgressView, shown: Shown) {
    this.#writer = writer;
    this.#progress = progress;
    this.#shown = shown;
  }

  /** Resolves when the reader has taken it. */
  async show(event: Event__Output): Promise<void> {
    if (event.output && this.#shown.output) await this.#print(event.output.text, event.output.error);
    else if (event.data && this.#shown.output) await this.#print(`${event.data.json}\n`, false);
    else if (event.log && this.#shown.log) await this.#print(event.log.text, false);
    else if (event.progress && this.#shown.progress) this.#progress.progress(event.progress);
    else if (event.step && this.#shown.progress) this.#progress.step(event.step);
  }

  async #print(text: string, error: boolean): Promise<void> {
    this.#progress.clear();
    await (error ? this.#writer.error(text) : this.#writer.out(text));
  }
}
