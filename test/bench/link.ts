import { setMaxListeners } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { grpcCarrier } from '../../agent/link/grpc.ts';
import { natsCarrier } from '../../agent/link/nats.ts';
import { which } from '../../shared/process/which.ts';
import { SimAgent } from '../sim/agent.ts';
import { freePort } from '../sim/broker.ts';
import { enrolMany, lifeOf } from '../sim/enrol-many.ts';
import { ManagerChild } from '../sim/manager-child.ts';
import { Swarms } from '../sim/swarms.ts';
import type { Bench, Figures } from './measure.ts';

/*
 * Both links side by side: the same manager, the same agents, once over gRPC and once over NATS. HOSTLER_BENCH_SIZES says
 * how many agents (default 2000; 10000 needs ten thousand file descriptors a process); HOSTLER_BENCH_KEEP names a folder
 * that keeps the enrolled fleet for the next run; HOSTLER_BENCH_LINKS=nats measures that one alone.
 */
const sizes = (process.env['HOSTLER_BENCH_SIZES'] ?? '2000').split(',').map(Number);
const wanted = process.env['HOSTLER_BENCH_LINKS'] ?? 'grpc,nats';
const keep = process.env['HOSTLER_BENCH_KEEP'];
const processes = 2;
const idleSeconds = 20;
const reports = 20_000;
const stored = 100_000;
const storing = 20;
/** Milliseconds that one step may take. */
const longest = 600_000;

type Link = 'grpc' | 'nats';

interface Place {
  readonly manager: ManagerChild;
  readonly broker: string | undefined;
  readonly folder: string;
}

interface Memory {
  readonly rss: number;
}

interface Cpu {
  readonly user: number;
  readonly system: number;
}

export const linkBench: Bench = {
  name: 'link',
  bound: 3_000,
  run: async (signal) => {
    // Every agent that stores and forwards listens to it.
    setMaxListeners(0, signal);
    const folder = keep ?? mkdtempSync(join(tmpdir(), 'hostler-bench-link-'));
    mkdirSync(folder, { recursive: true });
    const broker = which('nats-server') === undefined ? undefined : `127.0.0.1:${String(await freePort())}`;
    const manager = await ManagerChild.start({
      home: join(folder, 'm'),
      args: broker === undefined ? [] : ['--broker', broker],
    });
    const place: Place = { manager, broker, folder };
    const links = (['grpc', 'nats'] as const).filter(
      (link) => wanted.includes(link) && (link === 'grpc' || broker !== undefined),
    );
    const figures: Record<string, Figures | string> = {};
    try {
      const most = Math.max(...sizes);
      const tokens = await Promise.all(
        Array.from({ length: 32 }, () => manager.ask<string>({ ask: 'token', roles: ['build'], uses: most })),
      );
      const names = Array.from({ length: most }, (_, number) => `sim-${String(number)}`);
      const all = await enrolMany({ manager: manager.address, tokens, names, keep: join(folder, 'identities') });
      for (const size of sizes) {
        for (const link of links) {
          note(`${String(size)} agents over ${link}`);
          figures[`${link} ${String(size)}`] = await orWhyNot(fleet(place, link, all.slice(0, size), signal));
        }
      }
      for (const link of links) {
        note(`store and forward over ${link}`);
        figures[`${link} store and forward`] = await orWhyNot(
          storeAndForward(place, link, all.slice(0, storing), signal),
        );
      }
      if (broker === undefined) figures['nats'] = 'not measured: there is no nats-server on this machine';
      return figures;
    } finally {
      const pid = await manager.ask<number>({ ask: 'broker' }).catch(() => 0);
      await manager.kill();
      if (pid > 0) process.kill(pid, 'SIGKILL');
      if (keep === undefined) rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** One that fails does not cost the figures of the others. */
async function orWhyNot(measured: Promise<Figures>): Promise<Figures> {
  try {
    return await measured;
  } catch (thrown) {
    return { notMeasured: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/** Everything about one link with so many agents; the manager and its broker are started afresh before. */
async function fleet(place: Place, link: Link, identities: readonly Identity[], signal: AbortSignal): Promise<Figures> {
  const { manager } = place;
  const count = identities.length;
  await restart(place);
  const before = await memory(place);
  const connecting = Date.now();
  const swarms = await Swarms.start({
    manager: manager.address,
    identities,
    processes,
    ...(link === 'nats' && place.broker !== undefined ? { brokers: [place.broker] } : {}),
  });
  const connected = async (): Promise<boolean> => (await manager.ask<number>({ ask: 'connected' })) >= count;
  try {
    await until('all to connect', connected, signal);
    const connectSeconds = since(connecting);
    note(`connected in ${String(connectSeconds)} s`);
    const round = await manager.ask<{ milliseconds: number; tasks: number }>({ ask: 'round' });
    note(`a task to each and back: ${String(Math.round(round.milliseconds))} ms`);
    const reporting = Date.now();
    await swarms.report(reports, 300);
    const reportSeconds = since(reporting);
    // What the burst left behind is not what a connected agent costs.
    await delay(5_000, undefined, { signal });
    const after = await memory(place);
    const idle = await idleCores(place, signal);
    note('idle measured');
    const storm = await stormAfter(place, () => restart(place, false), connected, signal);
    note(`storm: ${JSON.stringify(storm)}`);
    const brokerStorm =
      link === 'nats' ? await stormAfter(place, () => killBroker(place, connected), connected, signal) : undefined;
    return {
      agents: count,
      connectSeconds,
      commandSeconds: Number((round.milliseconds / 1000).toFixed(2)),
      tasksPerSecond: Math.round((1000 * round.tasks) / round.milliseconds),
      reportsPerSecond: Math.round(reports / reportSeconds),
      managerKibPerAgent: Math.round((after.manager - before.manager) / count / 1024),
      ...(link === 'nats' && { brokerKibPerAgent: Math.round((after.broker - before.broker) / count / 1024) }),
      idleCoresManager: idle.manager,
      ...(link === 'nats' && { idleCoresBroker: idle.broker }),
      managerRestart: storm,
      ...(brokerStorm !== undefined && { brokerRestart: brokerStorm }),
    };
  } finally {
    await swarms.kill();
  }
}

/** How long until everybody is back, and who was called gone meanwhile though nobody was. */
async function stormAfter(
  { manager }: Place,
  harm: () => Promise<void>,
  connected: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<Figures> {
  const departed = await manager.ask<number>({ ask: 'departures' });
  const from = Date.now();
  await harm();
  await until('all to be back', connected, signal);
  const backSeconds = since(from);
  const now = await manager.ask<number>({ ask: 'departures' });
  return { backSeconds, calledGone: now >= departed ? now - departed : now };
}

/** 100,000 reports wait on the disks of a few agents while the manager is down, and arrive when it is back. */
async function storeAndForward(
  { manager, broker, folder }: Place,
  link: Link,
  identities: readonly Identity[],
  signal: AbortSignal,
): Promise<Figures> {
  await manager.kill();
  const agents = await Promise.all(
    identities.map((identity) =>
      SimAgent.start({
        home: join(folder, `store-${link}`, identity.name),
        incarnation: `${lifeOf(identity.name)}-${link}`,
        carrier:
          link === 'nats'
            ? natsCarrier({ servers: () => (broker === undefined ? [] : [broker]), identity: () => identity })
            : grpcCarrier(manager.address, () => identity),
        pauses: [500, 2_000],
      }),
    ),
  );
  try {
    const storingFrom = Date.now();
    const each = stored / agents.length;
    await Promise.all(
      agents.flatMap((agent) =>
        Array.from({ length: each }, (_, number) =>
          agent.link.report({
            nodeEvent: { node: 'none', stage: 'dhcp', at: number, mac: '', bootId: '', detail: '' },
          }),
        ),
      ),
    );
    const storeSeconds = since(storingFrom);
    await manager.up();
    const forwarding = Date.now();
    const enough = AbortSignal.any([signal, AbortSignal.timeout(longest)]);
    await Promise.all(agents.map((agent) => agent.link.drained(enough)));
    const forwardSeconds = since(forwarding);
    return { reports: stored, agents: agents.length, storeSeconds, forwardSeconds };
  } finally {
    await Promise.all(agents.map((agent) => agent.stop()));
    rmSync(join(folder, `store-${link}`), { recursive: true, force: true });
  }
}

/** By default the broker, too. */
async function restart({ manager }: Place, brokerToo = true): Promise<void> {
  const pid = brokerToo ? await manager.ask<number>({ ask: 'broker' }) : 0;
  await manager.kill();
  if (pid > 0) process.kill(pid, 'SIGKILL');
  if (pid > 0) await delay(500);
  await manager.up();
}

async function killBroker({ manager }: Place, connected: () => Promise<boolean>): Promise<void> {
  process.kill(await manager.ask<number>({ ask: 'broker' }), 'SIGKILL');
  const late = Date.now() + 10_000;
  // Until the manager has noticed.
  while ((await connected()) && Date.now() < late) await delay(50);
}

async function memory({ manager, broker }: Place): Promise<{ manager: number; broker: number }> {
  await manager.ask({ ask: 'memory' });
  const { rss } = await manager.ask<Memory>({ ask: 'memory' });
  if (broker === undefined) return { manager: rss, broker: 0 };
  const status = readFileSync(`/proc/${String(await manager.ask<number>({ ask: 'broker' }))}/status`, 'utf8');
  return { manager: rss, broker: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024 };
}

/** Cores that are busy while nothing is asked for. */
async function idleCores(place: Place, signal: AbortSignal): Promise<{ manager: number; broker: number }> {
  const { manager } = place;
  const pid = await manager.ask<number>({ ask: 'broker' });
  const before = await manager.ask<Cpu>({ ask: 'cpu' });
  const brokerBefore = cpuOf(pid);
  const from = Date.now();
  await delay(idleSeconds * 1000, undefined, { signal });
  const after = await manager.ask<Cpu>({ ask: 'cpu' });
  const brokerAfter = cpuOf(pid);
  const milliseconds = Date.now() - from;
  const used = (after.user + after.system - before.user - before.system) / 1000;
  return {
    manager: Number((used / milliseconds).toFixed(3)),
    broker: Number(((brokerAfter - brokerBefore) / milliseconds).toFixed(3)),
  };
}

/** Milliseconds of processor time that a process has had. */
function cpuOf(pid: number): number {
  if (pid === 0) return 0;
  const fields =
    readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
      .split(') ')[1]
      ?.split(' ') ?? [];
  // Ticks of a hundredth of a second.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function until(what: string, done: () => Promise<boolean>, all: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([all, AbortSignal.timeout(longest)]);
  while (!(await done()))
    await delay(100, undefined, { signal }).catch(() => Promise.reject(new Error(`${what} took too long`)));
}

function since(from: number): number {
  return Number(((Date.now() - from) / 1000).toFixed(2));
}

function note(text: string): void {
  process.stderr.write(`  ${text}\n`);
}
