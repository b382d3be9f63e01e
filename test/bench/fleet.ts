import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SimAgent, enrolSim } from '../sim/agent.ts';
import { SimManager } from '../sim/manager.ts';
import { commandsFor } from '../tools/commands.ts';
import { RealManager } from '../tools/real-manager.ts';
import type { Bench } from './measure.ts';

const many = Number(process.env['HOSTLER_BENCH_AGENTS'] ?? 2000);
const some = Math.min(many, 500);
/** How many enrol or connect at the same time. */
const together = 25;

/** Agents with certificates of their own, connected over mutual TLS. */
async function connectAgents(count: number, home: string, manager: string, token: string): Promise<SimAgent[]> {
  const agents: SimAgent[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let number = next++; number < count; number = next++) {
      const own = join(home, `a${String(number)}`);
      await mkdir(own, { recursive: true });
      const identity = await enrolSim({ home: own, manager, token, name: `a${String(number)}`, roles: ['build'] });
      agents.push(await SimAgent.start({ home: own, manager, identity }));
    }
  };
  await Promise.all(Array.from({ length: together }, worker));
  return agents;
}

async function until(what: string, done: () => boolean | Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!(await done()))
    await delay(20, undefined, { signal }).catch(() => Promise.reject(new Error(`${what} took too long`)));
}

/** What a connected agent costs the manager. */
export const memoryBench: Bench = {
  name: 'manager memory',
  bound: 180,
  run: async (signal) => {
    const home = mkdtempSync(join(tmpdir(), 'hostler-bench-'));
    const manager = await RealManager.start(['--no-agent']);
    const run = commandsFor(manager.env);
    const status = async (): Promise<{ memoryBytes: number; agentsConnected: number }> =>
      JSON.parse((await run('hostler', ['status', '--json'])).stdout) as {
        memoryBytes: number;
        agentsConnected: number;
      };
    const agents: SimAgent[] = [];
    try {
      const token = (
        await run('hostler', ['agents', 'token', '--roles', 'build', '--uses', String(some)])
      ).stdout.trim();
      const before = await status();
      agents.push(...(await connectAgents(some, home, `unix:${join(manager.home, 'manager.sock')}`, token)));
      await until('connecting', async () => (await status()).agentsConnected === some, signal);
      const after = await status();
      return {
        agents: some,
        beforeBytes: before.memoryBytes,
        afterBytes: after.memoryBytes,
        kibPerAgent: Math.round((after.memoryBytes - before.memoryBytes) / some / 1024),
        budgetKib: 100,
      };
    } finally {
      await Promise.all(agents.map((agent) => agent.stop()));
      await manager.dispose();
      rmSync(home, { recursive: true, force: true });
    }
  },
};

/** One task to each of many agents and the results back, all over mutual TLS; and how fast one link is. */
export const fleetBench: Bench = {
  name: 'fleet',
  bound: 420,
  run: async (signal) => {
    const home = mkdtempSync(join(tmpdir(), 'hostler-bench-'));
    const manager = await SimManager.start({ home: join(home, 'm') });
    const agents: SimAgent[] = [];
    try {
      const began = Date.now();
      agents.push(...(await connectAgents(many, home, manager.address, await manager.token({ uses: many }))));
      await until('connecting', () => manager.fleet.admin.connected() === many, signal);
      const connected = Date.now();
      agents.forEach((agent, number) => {
        const task = {
          id: `1.${String(number)}`,
          kind: 'sim',
          spec: '{}',
          deadline: 0,
          uninterruptible: false,
          correlation: '',
          title: '',
        };
        manager.fleet.send(
          `a${String(number)}`,
          manager.engine.arrivals.find((seen) => seen.agent === `a${String(number)}`)?.incarnation ?? agent.incarnation,
          task,
        );
      });
      await until('the results', () => manager.engine.applied.length === many, signal);
      const answered = Date.now();
      const [first] = agents;
      if (first === undefined) throw new Error('no agent connected');
      const messages = 2_000;
      const reports = Array.from({ length: messages }, (_, number) =>
        first.link.report({ nodeEvent: { node: 'n', stage: 'dhcp', at: number, mac: '', bootId: '', detail: '' } }),
      );
      await Promise.all(reports);
      await first.link.drained(signal);
      const drained = Date.now();
      return {
        agents: many,
        connectSeconds: (connected - began) / 1000,
        commandSeconds: (answered - connected) / 1000,
        reportsPerSecond: Math.round((1000 * messages) / (drained - answered)),
      };
    } finally {
      await Promise.all(agents.map((agent) => agent.stop()));
      await manager.stop();
      rmSync(home, { recursive: true, force: true });
    }
  },
};
