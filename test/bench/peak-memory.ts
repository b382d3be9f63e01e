import { readdirSync, readFileSync } from 'node:fs';

/**
 * The most memory that all processes with that text in their environment held together at one moment, in MiB. Shared
 * pages count once for each; looked at five times a second.
 */
export class PeakMemory {
  readonly #mark: Buffer;
  readonly #timer: NodeJS.Timeout;
  #peak = 0;

  constructor(mark: string) {
    this.#mark = Buffer.from(mark);
    this.#timer = setInterval(() => this.#look(), 200);
  }

  /** Since it was begun, or asked for last. */
  take(): number {
    const peak = Math.round(this.#peak / 2 ** 20);
    this.#peak = 0;
    return peak;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    let bytes = 0;
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      try {
        if (!readFileSync(`/proc/${pid}/environ`).includes(this.#mark)) continue;
        const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        bytes += Number(resident ?? 0) * 1024;
      } catch {
        // It has ended.
      }
    }
    this.#peak = Math.max(this.#peak, bytes);
  }
}
