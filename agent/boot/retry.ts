import { setTimeout as sleep } from 'node:timers/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import { Backoff } from '../link/backoff.ts';

/** Milliseconds of the first and the longest pause between attempts. */
const firstMs = 500;
const longestMs = 30_000;

/**
 * Tries until it works: a machine that boots has nothing better to do, and ten thousand of them must not come back at
 * once. `say` hears each new reason once. Ends only with the signal.
 */
export async function persist<T>(
  act: () => Promise<T>,
  say: (line: string) => void,
  signal: AbortSignal,
  shortestMs = firstMs,
): Promise<T> {
  const backoff = new Backoff(shortestMs, longestMs);
  let said = '';
  for (;;) {
    signal.throwIfAborted();
    try {
      return await act();
    } catch (thrown) {
      signal.throwIfAborted();
      const { message } = HostlerError.from(thrown);
      if (message !== said) say(`${message.replace(/[^.!?]$/, '$&.')} Trying again.`);
      said = message;
      await sleep(shortestMs / 2 + backoff.next(), undefined, { signal });
    }
  }
}
