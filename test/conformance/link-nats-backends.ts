import { join } from 'node:path';
import type { Msg } from 'nats';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { renewIdentity } from '../../agent/identity/identity.ts';
import { agentLogin, natsCarrier } from '../../agent/link/nats.ts';
import { relayOf } from '../../agent/services/relay/index.ts';
import type { NatsAccount } from '../../manager/fleet/authority/nats-account.ts';
import { type NatsLink, openNatsLink } from '../../manager/fleet/links/nats.ts';
import { leafPort } from '../../shared/broker/address.ts';
import { connectBroker } from '../../shared/broker/connection.ts';
import { downSubject, upSubject } from '../../shared/identity/subjects.ts';
import { frameCodec, fromAgentCodec } from '../../shared/wire/definitions.ts';
import { enrolSim } from '../sim/agent.ts';
import { freeBrokerPort, freePort, simKeeps, startBroker } from '../sim/broker.ts';
import { until } from '../sim/engine.ts';
import { type SimManager, collectLog } from '../sim/manager.ts';
import {
  type Backend,
  type ManagerEnd,
  type Wiring,
  openRelay,
  oversizedMessage,
  strangeHello,
} from './link-backends.ts';

/** Over a real nats-server with mutual TLS and credentials of the manager; agents reach it through a relay that can be cut. */
export const nats: Backend = {
  name: 'NATS',
  async wire(manager, identity, folder) {
    const { broker, release } = await shared(brokers, manager, () => sharedBroker(manager, folder));
    const { account } = manager.nats;
    const link = (): NatsLink => manager.natsLink;
    return wiring({ manager, identity, broker: broker.address, near: broker.address, account, link, release });
  },
};

/** The name of the relay, behind all agents in every list. */
const relayName = 'zz-relay';

/** The same with a leaf node between: a second nats-server, which the relay's agent keeps. */
export const leaf: Backend = {
  name: "NATS by a relay's leaf node",
  async wire(manager, identity, folder) {
    const { broker, door, near, release } = await shared(leafs, manager, () => sharedLeaf(manager, folder));
    const options = { home: join(folder, 'behind', identity.serial), manager: door };
    const behind = await renewIdentity(identity, options, AbortSignal.timeout(20_000));
    const account = manager.nats.relay(relayName);
    if (account === undefined || behind.nats?.via !== relayName) throw new Error('the agent is not behind the relay');
    const link = (): NatsLink => {
      const found = manager.relayLink(relayName);
      if (found === undefined) throw new Error('the manager has no link by the relay');
      return found;
    };
    await until('the manager is there', () => manager.relayLink(relayName)?.open === true);
    return wiring({ manager, identity: behind, broker: broker.address, near, account, link, via: relayName, release });
  },
};

interface WiringOptions {
  readonly manager: SimManager;
  readonly identity: Identity;
  /** HOST:PORT of the hub's. */
  readonly broker: string;
  /** HOST:PORT of what agents reach. */
  readonly near: string;
  readonly account: NatsAccount;
  readonly link: () => NatsLink;
  readonly via?: string;
  readonly release: () => Promise<void>;
}

async function wiring(options: WiringOptions): Promise<Wiring> {
  const { manager, identity, broker, near, account, link, via, release } = options;
  const [host = '', port] = near.split(':');
  const relay = await openRelay({ host: '127.0.0.1', port: 0 }, { host, port: Number(port) });
  const reach = { servers: () => [relay.address], identity: () => identity };
  const stopping = new AbortController();
  const closers: (() => Promise<void>)[] = [];
  return {
    get passable() {
      return relay.passable;
    },
    set passable(value: boolean) {
      relay.passable = value;
    },
    carrier: natsCarrier(reach),
    cut: () => relay.cut(),
    async garbage() {
      const before = link().counts.undecodable;
      const client = await connectBroker(agentLogin([near], identity));
      client.publish(upSubject(identity, 'garbage'), Buffer.from('ffffffffff', 'hex'));
      await client.drain();
      await until('the garbage is seen', () => link().counts.undecodable > before);
    },
    async oversized() {
      const client = await connectBroker(agentLogin([near], identity));
      // Who does not listen is taken for gone.
      const ended = new Promise<void>((resolve) => {
        const callback = (_: Error | null, { data }: Msg): void => {
          if (frameCodec.decode(Buffer.from(data)).end) resolve();
        };
        client.subscribe(downSubject(identity, 'oversized'), { callback });
      });
      const up = upSubject(identity, 'oversized');
      client.publish(up, frameCodec.encode({ number: 1, piece: fromAgentCodec.encode({ hello: strangeHello }) }));
      const message = oversizedMessage();
      const size = 500_000;
      for (let at = 0, number = 2; at < message.length; at += size, number++) {
        const more = at + size < message.length;
        client.publish(up, frameCodec.encode({ number, piece: message.subarray(at, at + size), more }));
      }
      await ended;
      await client.close();
    },
    async bare() {
      await link().close();
      let arrive: (end: ManagerEnd) => void = () => undefined;
      const arrived = new Promise<ManagerEnd>((resolve) => (arrive = resolve));
      const own = openNatsLink({
        fleet: {
          enrolment: manager.fleet.enrolment,
          kept: () => Promise.resolve(true),
          serve: (end) => {
            arrive(end);
            return new Promise(() => undefined);
          },
        },
        login: async () => account.managerLogin([broker], await manager.fleet.authority.issueManager()),
        log: collectLog([]),
        mostKept: simKeeps,
        ...(via !== undefined && { via }),
      });
      closers.push(() => own.close());
      await until('the link listens', () => own.open);
      const agent = await natsCarrier(reach)(stopping.signal);
      await agent.send({});
      return { agent, manager: await arrived };
    },
    async close() {
      stopping.abort();
      for (const close of closers) await close();
      await relay.close();
      await release();
    },
  };
}

interface SharedBroker {
  readonly broker: Awaited<ReturnType<typeof startBroker>>;
  stop(): Promise<void>;
}
interface SharedLeaf extends SharedBroker {
  /** HOST:PORT of the relay, and of its leaf node. */
  readonly door: string;
  readonly near: string;
}
type Shared<Item> = WeakMap<SimManager, { readonly item: Promise<Item>; users: number }>;

const brokers: Shared<SharedBroker> = new WeakMap();
const leafs: Shared<SharedLeaf> = new WeakMap();

/** One a manager, however many wirings. */
async function shared<Item extends SharedBroker>(
  known: Shared<Item>,
  manager: SimManager,
  start: () => Promise<Item>,
): Promise<Item & { readonly release: () => Promise<void> }> {
  const entry = known.get(manager) ?? { item: start(), users: 0 };
  known.set(manager, entry);
  entry.users++;
  const item = await entry.item;
  await until('the manager is at the broker', () => manager.natsLink.open);
  const release = async (): Promise<void> => {
    entry.users--;
    if (entry.users === 0) await item.stop();
  };
  return { ...item, release };
}

async function sharedBroker(manager: SimManager, folder: string): Promise<SharedBroker> {
  const broker = await startBroker(manager, join(folder, 'nats'));
  manager.attach([broker.address]);
  return { broker, stop: () => broker.stop() };
}

async function sharedLeaf(manager: SimManager, folder: string): Promise<SharedLeaf> {
  const host = '127.0.0.1';
  const port = await freeBrokerPort();
  const leafListen = { host, port: leafPort(port) };
  const broker = await startBroker(manager, join(folder, 'nats'), { listen: { host, port }, leafListen });
  manager.attach([broker.address]);
  const home = join(folder, relayName);
  const token = await manager.token({ name: relayName, roles: ['relay'] });
  const relay = await enrolSim({ home, manager: manager.address, token, name: relayName, roles: ['relay'] });
  const log = (): void => undefined;
  const at = { host: '127.0.0.2', port: await freePort() };
  const service = await relayOf({
    home,
    roles: relay.roles,
    at: [at],
    manager: manager.address,
    identity: () => relay,
    choice: {},
    renewSoon: log,
    onRenewed: () => log,
    log: { info: log, warn: log, error: log },
  });
  await until('the leaf is joined', () => manager.logged(/at the relay's leaf node/).length > 0, 20_000);
  return {
    broker,
    door: `${at.host}:${at.port}`,
    near: `${at.host}:${port}`,
    async stop() {
      await service.close();
      await broker.stop();
    },
  };
}
