import { setTimeout as delay } from 'node:timers/promises';
import { dice } from './dice.ts';
import { HubAndRelay, type Story, workers } from './hub-and-relay.ts';

export interface ChaosOptions {
  readonly link: 'grpc' | 'nats';
  /** How long processes are killed. */
  readonly seconds: number;
  /** Two runs with the same seed kill the same things at the same times, near enough. */
  readonly seed: number;
}

export interface ChaosOutcome extends Story {
  /** Who was killed how often. */
  readonly kills: Readonly<Record<string, number>>;
}

/**
 * Tasks and reports all the time, near the manager and behind a relay; and all the time manager, broker, relay, its leaf node
 * or an agent is killed with SIGKILL and started again. At the end everything is up, all that was asked must have ended, once,
 * and all that was reported must have counted, once and in order. Throws when it does not come to an end.
 */
export async function chaos({ link, seconds, seed }: ChaosOptions): Promise<ChaosOutcome> {
  const random = dice(seed);
  const kills: Record<string, number> = {};
  const lab = await HubAndRelay.start({ link, pause: 100 });
  try {
    const mischief: Readonly<Record<string, () => Promise<void>>> = {
      manager: async () => {
        await lab.manager.kill();
        await delay(random() * 500);
        await lab.manager.up();
      },
      ...Object.fromEntries(
        [...lab.agents].map(([name, agent]) => [
          name,
          async (): Promise<void> => {
            await agent.kill();
            await delay(random() * 500);
            agent.up();
          },
        ]),
      ),
      ...(lab.broker !== undefined && { broker: () => lab.killBroker(), leaf: async () => lab.killLeaf() }),
    };
    const names = Object.keys(mischief);
    const late = Date.now() + seconds * 1000;
    let given = 0;
    const load = async (): Promise<void> => {
      while (Date.now() < late) {
        const tasks = Array.from({ length: 2 }, () => ({
          id: `c.${String(given++)}`,
          agent: workers[Math.floor(random() * workers.length)] ?? 'near',
          spec: { lines: 3, pauseMs: Math.floor(random() * 50) },
        }));
        await lab.give(tasks);
        await delay(random() * 600);
      }
    };
    const harm = async (): Promise<void> => {
      while (Date.now() < late) {
        await delay(300 + random() * 1500);
        const name = names[Math.floor(random() * names.length)] ?? 'manager';
        kills[name] = (kills[name] ?? 0) + 1;
        await mischief[name]?.();
      }
    };
    await Promise.all([load(), harm()]);
    return { kills, ...(await lab.settle(120)) };
  } finally {
    await lab.stop();
  }
}
