import { appendFileSync, writeSync } from 'node:fs';
import { printable } from '../../shared/process/printable.ts';
import type { ProgressRecord } from './records.ts';

/** A task that prints without end is cut here; its programs' own files are not. */
const mostLogBytes = 256 * 1024 * 1024;
/** Progress of one stage is noted at most so often. */
const progressEveryMs = 200;
const mostEvents = 100_000;

/** What a running task says: lines to its standard output (the log file), progress to events.ndjson. Never throws. */
export class TaskVoice {
  readonly #events: string;
  #logBytes = 0;
  #lost = 0;
  #stage = '';
  #lastAt = 0;
  #eventCount = 0;
  #held: ProgressRecord | undefined;

  constructor(events: string) {
    this.#events = events;
  }

  log(line: string): void {
    const text = `${line.split('\n').map(printable).join('\n')}\n`;
    const bytes = Buffer.byteLength(text);
    if (this.#logBytes + bytes > mostLogBytes) {
      if (this.#logBytes < mostLogBytes) this.#write('[the log ends here: it grew beyond 256 MiB]\n');
      this.#logBytes = mostLogBytes;
      return;
    }
    if (this.#lost > 0 && this.#write(`[${this.#lost} lines could not be written: disk full?]\n`)) this.#lost = 0;
    if (this.#write(text)) this.#logBytes += bytes;
    else this.#lost += 1;
  }

  progress(record: ProgressRecord): void {
    const now = Date.now();
    const news = record.stage !== this.#stage || (record.total > 0 && record.done >= record.total);
    if (!news && now - this.#lastAt < progressEveryMs) {
      this.#held = record;
      return;
    }
    this.#held = undefined;
    if (this.#eventCount >= mostEvents && record.stage === this.#stage) return;
    this.#stage = record.stage;
    this.#lastAt = now;
    this.#eventCount += 1;
    try {
      appendFileSync(this.#events, `${JSON.stringify(record)}\n`, { mode: 0o600 });
    } catch {
      // Progress may be lost; a full disk is told by what really needs the disk.
    }
  }

  /** Called every second: what was held back is not lost when nothing follows it. */
  flush(): void {
    if (this.#held !== undefined && Date.now() - this.#lastAt >= progressEveryMs) this.progress(this.#held);
  }

  #write(text: string): boolean {
    const bytes = Buffer.from(text);
    try {
      let done = 0;
      while (done < bytes.length) done += writeSync(1, bytes, done);
      return true;
    } catch {
      return false;
    }
  }
}
