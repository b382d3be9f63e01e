import { describe, expect, it } from 'vitest';
import { openLink } from '../../../../agent/link/link.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import type { Duplex } from '../../../../shared/session/duplex.ts';
import { Changes } from '../../../../shared/session/signals.ts';
import type { FromAgent } from '../../../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent__Output } from '../../../../shared/wire/generated/hostler/v1/ToAgent.ts';
import { memoryLink } from '../../../../shared/session/memory.ts';
import { ManagerSession } from '../../../../shared/session/manager-session.ts';
import { Refused } from '../../../../shared/session/agent-session.ts';
import { MemoryOutbox } from '../../../sim/memory-outbox.ts';

/** Opens a link that is turned away; resolves with the milliseconds it says it will wait, or undefined when it gave up. */
async function pausesOf(
  refusals: readonly (Refused | HostlerError)[],
  called = new Changes(),
  random = 0.999,
): Promise<number[]> {
  const began: number[] = [];
  let at = 0;
  const stop = new AbortController();
  const connect = (): Duplex<ToAgent__Output, FromAgent> => {
    began.push(performance.now());
    const refusal = refusals[at++] ?? new Refused('unauthenticated', 'enough', 0);
    if (!(refusal instanceof Refused)) throw refusal;
    const { agent, manager } = memoryLink();
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
  };
  const link = openLink({
    carrier: Object.assign(connect, { called }),
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
    random: () => random,
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

  it('that would be long are cut short when the manager says that it is there', async () => {
    const called = new Changes();
    const calling = setInterval(() => called.notify(), 50);
    const lost = new HostlerError('unavailable', 'The connection was lost.');
    // A minute's pause is meant, and of the ten seconds after the call a thirtieth.
    const [pause = Infinity] = await pausesOf([lost], called, 1 / 30);
    clearInterval(calling);
    expect(pause).toBeLessThan(1_900);
  });

  it('that the manager asked for are not', async () => {
    const called = new Changes();
    const calling = setInterval(() => called.notify(), 50);
    const [pause = 0] = await pausesOf([new Refused('unavailable', 'Many agents come at once.', 1)], called, 0);
    clearInterval(calling);
    expect(pause).toBeGreaterThan(900);
  });
});
