import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SimAgent, type SimAgentOptions, SimSpool, enrolSim } from '../sim/agent.ts';
import { type Asked, faultsIn } from '../sim/history.ts';
import { SimManager } from '../sim/manager.ts';
import { dice } from '../tools/dice.ts';
import { type Backend, type Wiring, grpc, memory } from './link-backends.ts';
import { nats } from './link-nats-backends.ts';

const agentCount = 3;
const taskCount = 240;

describe.each([memory, grpc, nats])('anything may be killed at any time, over $name', (backend: Backend) => {
  const cleanUp: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const step of cleanUp.splice(0).reverse()) await step();
  });

  it('and every task ends once', async () => {
    const seed = Number(process.env['HOSTLER_SEED'] ?? Date.now() % 1_000_000);
    const random = dice(seed);
    const folder = await mkdtemp(join(tmpdir(), 'hostler-history-'));
    cleanUp.push(() => rm(folder, { recursive: true, force: true }));
    const manager = await SimManager.start({ home: join(folder, 'm'), shortestHeartbeat: 100 });
    cleanUp.push(() => manager.stop());
    manager.engine.beforeResult = async () => {
      if (random() < 0.1) await new Promise((resolve) => setTimeout(resolve, random() * 10));
    };

    const agents = new Map<string, SimAgent>();
    const options = new Map<string, SimAgentOptions>();
    const wirings: Wiring[] = [];
    for (let index = 0; index < agentCount; index++) {
      const name = `a${index}`;
      const home = join(folder, name);
      const identity = await enrolSim({ home, manager: manager.address, token: await manager.token(), name });
      const wiring = await backend.wire(manager, identity, home);
      wirings.push(wiring);
      const work = async (): Promise<object> => {
        await new Promise((resolve) => setTimeout(resolve, random() * 5));
        return { by: name };
      };
      options.set(name, { home, carrier: wiring.carrier, incarnation: `life-${name}`, spool: new SimSpool(), work });
    }
    const start = async (name: string): Promise<void> => {
      const its = options.get(name);
      if (its !== undefined) agents.set(name, await SimAgent.start(its));
    };
    for (const name of options.keys()) await start(name);
    cleanUp.push(() => Promise.all([...agents.values()].map((agent) => agent.stop())));
    cleanUp.push(() => Promise.all(wirings.map((wiring) => wiring.close())));
    await manager.engine.until('all agents', () => manager.engine.arrivals.length >= agentCount);

    const cutAll = (): void => wirings.forEach((wiring) => wiring.cut());
    const mischief = [
      async (): Promise<void> => wirings[Math.floor(random() * agentCount)]?.cut(),
      async (): Promise<void> => {
        cutAll();
        await manager.crash();
        await manager.up();
      },
      async (): Promise<void> => {
        const at = Math.floor(random() * agentCount);
        wirings[at]?.cut();
        await agents.get(`a${at}`)?.stop();
        await start(`a${at}`);
      },
    ];
    const asked: Asked[] = [];
    for (let index = 0; index < taskCount; index++) {
      const agent = `a${Math.floor(random() * agentCount)}`;
      asked.push({ id: `j.${index}`, agent });
      manager.fleet.send(agent, `life-${agent}`, {
        id: `j.${index}`,
        kind: 'sim',
        spec: '{}',
        deadline: 0,
        uninterruptible: false,
        correlation: 'c',
        title: 't',
      });
      if (index % 5 === 0) await new Promise((resolve) => setTimeout(resolve, random() * 12));
      // What was given is on disk by then: the jobs engine gives the rest again after a restart, which is not played here.
      await manager.registry.space('fleet').write([]);
      if (random() < 0.08) await mischief[Math.floor(random() * mischief.length)]?.();
    }
    await manager.engine.until(
      `all ends (HOSTLER_SEED=${seed})`,
      () => manager.engine.applied.length >= taskCount,
      20_000,
    );
    for (const agent of agents.values()) await agent.link.drained(AbortSignal.timeout(10_000));
    expect(faultsIn(asked, manager.engine, agents), `HOSTLER_SEED=${seed}`).toEqual([]);
    expect([...agents.values()].flatMap((agent) => agent.openTasks)).toEqual([]);
    expect(manager.logged(/are lost|was replaced|not its own|nobody here knows/), `HOSTLER_SEED=${seed}`).toEqual([]);
  });
});
