import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import { printable } from '../../shared/process/printable.ts';

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Look only at what came after this many characters. Default: everything. */
  readonly from?: number;
  /** Fail at once when this appears first. */
  readonly unless?: RegExp;
  /** Asked at every look: a reason to give up (the machine ended). */
  readonly over?: () => string | undefined;
}

/** Most of a console that is kept for looking at. */
const mostCharacters = 8 * 1024 * 1024;

/** Follows the file that a machine's serial console is written to. */
export class Console {
  readonly file: string;
  #text = '';
  #read = 0;

  constructor(file: string) {
    this.file = file;
  }

  /** Everything so far, without the escape sequences that firmware paints with. */
  async text(): Promise<string> {
    const handle = await open(this.file, 'r').catch(() => undefined);
    if (!handle) return this.#text;
    try {
      const buffer = Buffer.alloc(256 * 1024);
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, this.#read);
        if (bytesRead === 0) break;
        this.#read += bytesRead;
        this.#text = (this.#text + buffer.toString('latin1', 0, bytesRead)).slice(-mostCharacters);
      }
    } finally {
      await handle.close();
    }
    return plain(this.#text);
  }

  /** Resolves with the match. Otherwise an error that shows the end of the console: `deadline_exceeded`, `aborted`. */
  async waitFor(pattern: RegExp, options: WaitOptions): Promise<RegExpExecArray> {
    const until = Date.now() + options.timeoutMs;
    for (;;) {
      const over = options.over?.();
      const text = (await this.text()).slice(options.from ?? 0);
      const match = pattern.exec(text);
      if (match) return match;
      const bad = options.unless?.exec(text);
      if (bad) throw await this.#error('aborted', `the console says: ${bad[0]}`);
      if (over !== undefined) throw await this.#error('aborted', over);
      if (Date.now() > until) {
        throw await this.#error('deadline_exceeded', `${pattern} did not appear within ${options.timeoutMs / 1000} s`);
      }
      await delay(100, undefined, { ...(options.signal && { signal: options.signal }) });
    }
  }

  async #error(code: 'aborted' | 'deadline_exceeded', reason: string): Promise<HostlerError> {
    const last = (await this.text()).trimEnd().split('\n').slice(-25).join('\n');
    return new HostlerError(code, `${reason}. The console (${this.file}) ended with:\n${printable(last)}`);
  }
}

function plain(text: string): string {
  return text.replace(/\x1b(?:\[[0-9;?=]*[A-Za-z]|[()][0-9A-B]|[c=>78])/g, '').replace(/\r+\n?/g, '\n');
}
