import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SimAgent, type SimAgentOptions, SimSpool, enrolSim } from '../sim/agent.ts';
import { type Asked, faultsIn, faultsInReports, faultsInStates } from '../sim/history.ts';
import { SimManager } from '../sim/manager.ts';
import { define, installAgain, installedBy } from '../sim/reinstall.ts';
import { factsOf, installations, nodesOf, reportOf, statesAfter, statesIn } from '../sim/reports.ts';
import { dice } from '../tools/dice.ts';
import { type Backend, type Wiring, grpc, memory } from './link-backends.ts';
import { nats } from './link-nats-backends.ts';

const agentCount = 3;
const taskCount = 240;
const roles = ['build', 'boot'];

describe.each([memory, grpc, nats])('anything may be killed at any time, over $name', (backend: Backend) => {
  const cleanUp: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const step of cleanUp.splice(0).reverse()) await step();
  });

  it('and every task ends once, every report counts once', { timeout: 120_000 }, async () => {
    const seed = Number(process.env['HOSTLER_SEED'] ?? Date.now() % 1_000_000);
    const random = dice(seed);
    const folder = await mkdtemp(join(tmpdir(), 'hostler-history-'));
    cleanUp.push(() => rm(folder, { recursive: true, force: true }));
    const manager = await SimManager.start({ home: join(folder, 'm'), shortestHeartbeat: 100 });
    cleanUp.push(() => manager.stop());
    manager.engine.beforeResult = async () => {
      if (random() < 0.1) await new Promise((resolve) => setTimeout(resolve, random() * 10));
    };

    const reinstalling = new AbortController();
    cleanUp.push(async () => reinstalling.abort());
    await installAgain(manager.registry, reinstalling.signal);
    const from = Date.now();
    /** By agent, how many reports of its own its outbox took, beside those of tasks. */
    const told = new Map<string, number>();

    const agents = new Map<string, SimAgent>();
    const options = new Map<string, SimAgentOptions>();
    const wirings: Wiring[] = [];
    for (let index = 0; index < agentCount; index++) {
      const name = `a${index}`;
      const home = join(folder, name);
      const identity = await enrolSim({ home, manager: manager.address, token: await manager.token({ roles }), name });
      await define(manager.registry, nodesOf(name, 3 * taskCount));
      told.set(name, 0);
      const wiring = await backend.wire(manager, identity, home);
      wirings.push(wiring);
      const work = async (): Promise<object> => {
        await new Promise((resolve) => setTimeout(resolve, random() * 5));
        return { by: name };
      };
      // At each hello what it told last.
      const facts = (): object => JSON.parse(factsOf(Math.floor((told.get(name) ?? 0) / 10) * 10)) as object;
      const incarnation = `life-${name}`;
      options.set(name, { home, carrier: wiring.carrier, incarnation, spool: new SimSpool(), work, facts });
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
    const report = async (name: string): Promise<void> => {
      const number = (told.get(name) ?? 0) + 1;
      await agents.get(name)?.link.report(reportOf(name, number, from));
      told.set(name, number);
    };
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
      for (let count = random() * 2; count > 0; count--) await report(`a${Math.floor(random() * agentCount)}`);
      if (index % 5 === 0) await new Promise((resolve) => setTimeout(resolve, random() * 12));
      // What was given is on disk by then: the jobs engine gives the rest again after a restart, which is not played here.
      await manager.registry.space('fleet').write([]);
      if (random() < 0.08) await mischief[Math.floor(random() * mischief.length)]?.();
    }
    await manager.engine.until(
      `all ends (HOSTLER_SEED=${seed})`,
      () => manager.engine.applied.length >= taskCount,
      60_000,
    );
    for (const agent of agents.values()) await agent.link.drained(AbortSignal.timeout(30_000));
    expect(faultsIn(asked, manager.engine, agents), `HOSTLER_SEED=${seed}`).toEqual([]);
    const numbers = new Map([...told].map(([name, last]) => [name, installations(last)]));
    expect(faultsInReports(numbers, await installedBy(manager.registry)), `HOSTLER_SEED=${seed}`).toEqual([]);
    const wanted = new Map([...told].flatMap(([name, last]) => [...statesAfter(name, last, from)]));
    const { view } = manager.registry;
    const found = statesIn(view.reportedRows('node'), view.reportedRows('agent'), told);
    expect(faultsInStates(wanted, found), `HOSTLER_SEED=${seed}`).toEqual([]);
    expect([...agents.values()].flatMap((agent) => agent.openTasks)).toEqual([]);
    expect(manager.logged(/are lost|was replaced|not its own|nobody here knows/), `HOSTLER_SEED=${seed}`).toEqual([]);
  });
});
