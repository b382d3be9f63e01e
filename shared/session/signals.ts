/** Something that others wait for to change. Nobody is told what changed: look again. */
export class Changes {
  #waiting: (() => void)[] = [];

  /** Resolves at the next `notify`, or when the signal aborts (without an error: look again). */
  next(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        signal?.removeEventListener('abort', gone);
        resolve();
      };
      const gone = (): void => {
        this.#waiting = this.#waiting.filter((one) => one !== done);
        done();
      };
      this.#waiting.push(done);
      signal?.addEventListener('abort', gone, { once: true });
    });
  }

  notify(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Waits, or returns early (without an error) when the signal aborts. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
