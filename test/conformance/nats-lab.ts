import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, expect } from 'vitest';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { agentLogin, natsCarrier } from '../../agent/link/nats.ts';
import { connectBroker } from '../../shared/broker/connection.ts';
import type { BrokerOptions } from '../../shared/broker/server.ts';
import { SimAgent, type SimAgentOptions, enrolSim } from '../sim/agent.ts';
import { type SimBroker, startBroker } from '../sim/broker.ts';
import { until } from '../sim/engine.ts';
import { SimManager } from '../sim/manager.ts';

/** What each test begins with: a simulated manager and an agent `a1` with its certificate. */
interface Things {
  readonly folder: string;
  readonly manager: SimManager;
  identity: Identity;
  broker: SimBroker | undefined;
  /** Milliseconds that the manager's clock is ahead. */
  clock: number;
}

export interface NatsLab extends Omit<Things, 'broker'> {
  readonly cleanUp: (() => Promise<unknown>)[];
  /** Throws before `attach`. */
  broker: SimBroker;
  readonly attach: (more?: Partial<BrokerOptions>, mostKept?: number) => Promise<void>;
  readonly enrol: (name: string, home?: string) => Promise<Identity>;
  /** `a1`, connected. */
  readonly agent: (options?: Partial<SimAgentOptions>, servers?: string[]) => Promise<SimAgent>;
  readonly give: (to: SimAgent, id: string, spec?: string) => void;
  readonly ids: (count: number, job: string) => string[];
  /** A client of the broker with the credential of that agent. */
  readonly client: (who: Identity) => Promise<NatsConnection>;
  /** One with the manager's own credential, which may do everything. */
  readonly mighty: () => Promise<NatsConnection>;
  readonly allOnce: (one: SimAgent, wanted: readonly string[]) => Promise<void>;
}

/** For one `describe`: makes and takes away everything around each of its tests. */
export function natsLab(): NatsLab {
  let things: Things | undefined;
  const cleanUp: (() => Promise<unknown>)[] = [];
  const now = (): Things => {
    if (things === undefined) throw new Error('no test is running');
    return things;
  };

  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hostler-nats-'));
    cleanUp.push(() => rm(folder, { recursive: true, force: true }));
    const manager = await SimManager.start({
      home: join(folder, 'm'),
      now: () => Date.now() + (things?.clock ?? 0),
    });
    cleanUp.push(() => manager.stop());
    const identity = await enrolAt(manager, folder, 'a1');
    things = { folder, manager, identity, broker: undefined, clock: 0 };
  });
  afterEach(async () => {
    for (const step of cleanUp.splice(0).reverse()) await step();
    things = undefined;
  });

  const lab: NatsLab = {
    cleanUp,
    get folder(): string {
      return now().folder;
    },
    get manager(): SimManager {
      return now().manager;
    },
    get identity(): Identity {
      return now().identity;
    },
    set identity(identity: Identity) {
      now().identity = identity;
    },
    get broker(): SimBroker {
      const { broker } = now();
      if (broker === undefined) throw new Error('there is no broker yet');
      return broker;
    },
    set broker(broker: SimBroker) {
      now().broker = broker;
    },
    get clock(): number {
      return now().clock;
    },
    set clock(clock: number) {
      now().clock = clock;
    },

    async attach(more: Partial<BrokerOptions> = {}, mostKept?: number): Promise<void> {
      const broker = await startBroker(lab.manager, join(lab.folder, 'nats'), more);
      cleanUp.push(() => broker.stop());
      lab.broker = broker;
      lab.manager.attach([broker.address], mostKept);
      await until('the manager is at the broker', () => lab.manager.natsLink.open);
    },

    enrol: (name: string, home = name): Promise<Identity> => enrolAt(lab.manager, lab.folder, name, home),

    async agent(options: Partial<SimAgentOptions> = {}, servers = [lab.broker.address]): Promise<SimAgent> {
      const carrier = natsCarrier({ servers: () => servers, identity: () => lab.identity });
      const started = await SimAgent.start({ home: join(lab.folder, 'a1'), carrier, ...options });
      cleanUp.push(() => started.stop());
      await until('the agent is connected', () => started.link.connected);
      return started;
    },

    give(to: SimAgent, id: string, spec = '{}'): void {
      const task = { id, kind: 'sim', spec, deadline: 0, uninterruptible: false, correlation: 'c', title: 't' };
      lab.manager.fleet.send('a1', to.incarnation, task);
    },

    ids: (count: number, job: string): string[] => Array.from({ length: count }, (_, index) => `${job}.${index}`),

    async client(who: Identity): Promise<NatsConnection> {
      const opened = await connectBroker(agentLogin([lab.broker.address], who));
      cleanUp.push(() => opened.close());
      return opened;
    },

    async mighty(): Promise<NatsConnection> {
      const { nats, fleet } = lab.manager;
      const tls = await fleet.authority.issueManager();
      const opened = await connectBroker(await nats.account.managerLogin([lab.broker.address], tls));
      cleanUp.push(() => opened.close());
      return opened;
    },

    async allOnce(one: SimAgent, wanted: readonly string[]): Promise<void> {
      const { engine } = lab.manager;
      await engine.until('all ends', () => engine.applied.length >= wanted.length, 30_000);
      await one.link.drained(AbortSignal.timeout(30_000));
      expect(engine.applied.map(({ id }) => id).sort()).toEqual([...wanted].sort());
      expect([...one.begun.values()].every((times) => times === 1)).toBe(true);
    },
  };
  return lab;
}

async function enrolAt(manager: SimManager, folder: string, name: string, home = name): Promise<Identity> {
  const token = await manager.token({ name });
  return enrolSim({ home: join(folder, home), manager: manager.address, token, name });
}

export async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  const late = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > late) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function logOf(folder: string): Promise<string> {
  return readFile(join(folder, 'nats', 'nats-server.log'), 'utf8');
}

/** Passes everything on; while it stalls, nothing from the broker to the agent. */
export async function stallingRelay(target: number) {
  const open = new Set<Socket>();
  let stalled = false;
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => undefined);
    }
    near.pipe(far);
    far.on('data', (bytes) => {
      if (!near.write(bytes) || stalled) far.pause();
    });
    near.on('drain', () => {
      if (!stalled) far.resume();
    });
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    stall(yes: boolean): void {
      stalled = yes;
      if (!yes) for (const socket of open) socket.resume();
    },
    close: (): Promise<void> => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
