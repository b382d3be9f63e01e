import { writeSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import type { Asked } from './history.ts';
import type { EngineEvent } from './engine.ts';

/** A line of a manager process's journal: what was asked of whom, and what became of it. */
export type JournalLine = EngineEvent | ({ readonly what: 'asked'; readonly incarnation: string } & Asked & GivenTask);

/** What a simulated manager is asked to give. */
export interface GivenTask {
  readonly kind: string;
  /** JSON text. */
  readonly spec: string;
}

/** Lines of JSON, each on disk before it counts; many that are written at once share one fsync. */
export class Journal {
  readonly #file: FileHandle;
  #waiting: { readonly line: string; readonly done: () => void; readonly failed: (error: unknown) => void }[] = [];
  #busy = false;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<Journal> {
    return new Journal(await open(path, 'a', 0o600));
  }

  write(line: JournalLine): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ line: `${JSON.stringify(line)}\n`, done, failed });
      if (!this.#busy) void this.#writeAll();
    });
  }

  /** Survives the end of this process from now on, not a power cut. */
  note(line: JournalLine): void {
    writeSync(this.#file.fd, `${JSON.stringify(line)}\n`);
  }

  async #writeAll(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const lot = this.#waiting.splice(0);
      try {
        await this.#file.write(lot.map(({ line }) => line).join(''));
        await this.#file.datasync();
        for (const { done } of lot) done();
      } catch (thrown) {
        for (const { failed } of lot) failed(thrown);
      }
    }
    this.#busy = false;
  }
}

/** Whole lines; one that a kill cut short was never acknowledged and is left out. */
export async function readJournal(path: string): Promise<JournalLine[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as JournalLine];
    } catch {
      return [];
    }
  });
}
