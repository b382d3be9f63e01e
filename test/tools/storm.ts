import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../sim/broker.ts';
import { enrolMany } from '../sim/enrol-many.ts';
import { ManagerChild } from '../sim/manager-child.ts';
import { Swarms } from '../sim/swarms.ts';

export interface StormOutcome {
  /** Seconds until all were back after the manager was killed and started again. */
  readonly afterManager: number;
  /** The same for the broker; 0 over gRPC. */
  readonly afterBroker: number;
  /** Agents that were called gone though nothing was wrong with them. */
  readonly calledGone: number;
}

/** A whole fleet loses its manager, then (over NATS) its broker, by SIGKILL, and comes back. Heartbeats are the product's own. */
export async function storm(link: 'grpc' | 'nats', count: number, seconds: number): Promise<StormOutcome> {
  const dir = mkdtempSync(join(tmpdir(), 'hostler-storm-'));
  const broker = link === 'nats' ? `127.0.0.1:${String(await freePort())}` : undefined;
  const manager = await ManagerChild.start({
    home: join(dir, 'm'),
    args: broker === undefined ? [] : ['--broker', broker],
  });
  const connected = async (): Promise<number> => manager.ask<number>({ ask: 'connected' });
  const all = async (what: string): Promise<number> => {
    const from = Date.now();
    while ((await connected()) < count) {
      if (Date.now() - from > seconds * 1000) {
        throw new Error(`${what}: ${String(await connected())} of ${String(count)} within ${String(seconds)} s`);
      }
      await delay(100);
    }
    return (Date.now() - from) / 1000;
  };
  let swarms: Swarms | undefined;
  try {
    const tokens = await Promise.all(
      Array.from({ length: 16 }, () => manager.ask<string>({ ask: 'token', roles: ['build'], uses: count })),
    );
    const names = Array.from({ length: count }, (_, number) => `sim-${String(number)}`);
    const identities = await enrolMany({ manager: manager.address, tokens, names });
    swarms = await Swarms.start({
      manager: manager.address,
      identities,
      processes: 2,
      brokers: broker === undefined ? undefined : [broker],
    });
    await all('the fleet');
    await manager.kill();
    await manager.up();
    const afterManager = await all('after the manager');
    let afterBroker = 0;
    if (broker !== undefined) {
      process.kill(await manager.ask<number>({ ask: 'broker' }), 'SIGKILL');
      for (let look = 0; look < 100 && (await connected()) === count; look++) await delay(50);
      afterBroker = await all('after the broker');
    }
    return { afterManager, afterBroker, calledGone: await manager.ask<number>({ ask: 'departures' }) };
  } finally {
    await swarms?.kill();
    const pid = await manager.ask<number>({ ask: 'broker' }).catch(() => 0);
    await manager.kill();
    if (pid > 0) process.kill(pid, 'SIGKILL');
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}
