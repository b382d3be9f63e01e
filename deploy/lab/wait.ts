import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../shared/errors/error.ts';

/** Asks until the answer is neither undefined nor false, every `everyMs` (100), at most `timeoutMs`. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  options: { timeoutMs: number; everyMs?: number; signal?: AbortSignal },
): Promise<T> {
  const until = Date.now() + options.timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > until) {
      throw new HostlerError('deadline_exceeded', `${what}: not within ${options.timeoutMs / 1000} s.`);
    }
    await delay(options.everyMs ?? 100, undefined, { ...(options.signal && { signal: options.signal }) });
  }
}
