import { describe, expect, it } from 'vitest';
import { openLink } from '../../../../agent/link/link.ts';
import type { HostlerError } from '../../../../shared/errors/error.ts';
import { memoryLink } from '../../../../shared/session/memory.ts';
import { ManagerSession } from '../../../../shared/session/manager-session.ts';
import { Refused } from '../../../../shared/session/agent-session.ts';
import { MemoryOutbox } from '../../../sim/memory-outbox.ts';

/** Opens a link that is turned away; resolves with the milliseconds it says it will wait, or undefined when it gave up. */
async function pausesOf(refusals: readonly (Refused | HostlerError)[]): Promise<number[]> {
  const began: number[] = [];
  let at = 0;
  const stop = new AbortController();
  const link = openLink({
    carrier: () => {
      began.push(performance.now());
      const { agent, manager } = memoryLink();
      const refusal = refusals[at++] ?? new Refused('unauthenticated', 'enough', 0);
      void new ManagerSession(manager, {
        hello: () => {
          throw refusal;
        },
        apply: () => undefined,
        keep: async () => undefined,
      })
        .run({ lowest: 1, highest: 1 })
        .catch(() => undefined);
      return agent;
    },
    outbox: new MemoryOutbox(),
    hello: () => ({ version: '', incarnation: 'i', taskKinds: {}, roles: [], openTasks: [], facts: '', once: false }),
    listener: {
      task: async () => undefined,
      cancel: () => undefined,
      dismiss: () => undefined,
      welcome: () => undefined,
      acknowledged: () => undefined,
      refused: ({ retryAfter }) => {
        if (retryAfter === 0) stop.abort();
      },
    },
    log: { info: () => undefined, warn: () => undefined },
    // As after a long time without a manager: the next pause of its own would be a minute.
    pauses: [60_000, 60_000],
    random: () => 0.999,
  });
  await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
  await link.stop();
  return began.slice(1).map((time, index) => time - (began[index] ?? 0));
}

describe('pauses between attempts', () => {
  it('a manager that says when to come back is believed, whatever this side had got used to', async () => {
    const [pause = 0] = await pausesOf([new Refused('unavailable', 'Many agents come at once.', 1)]);
    expect(pause).toBeGreaterThan(1_900);
    expect(pause).toBeLessThan(20_000);
  });
});
