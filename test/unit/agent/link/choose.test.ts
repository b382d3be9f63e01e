import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Identity } from '../../../../agent/identity/identity-files.ts';
import { type LinkChoice, chosenCarrier } from '../../../../agent/link/choose.ts';
import { SimAgent, enrolSim } from '../../../sim/agent.ts';
import { type SimBroker, startBroker } from '../../../sim/broker.ts';
import { until } from '../../../sim/engine.ts';
import { SimManager } from '../../../sim/manager.ts';

let folder: string;
let manager: SimManager;
let broker: SimBroker;
let identity: Identity;
let agent: SimAgent | undefined;
let stale: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hostler-choose-'));
  manager = await SimManager.start({ home: join(folder, 'm'), tcp: { host: '127.0.0.1', port: 0 } });
  broker = await startBroker(manager, join(folder, 'nats'));
  manager.attach([broker.address]);
  await until('the manager is at the broker', () => manager.natsLink.open);
  identity = await enrolSim({
    home: join(folder, 'a'),
    manager: manager.address,
    token: await manager.token(),
    name: 'a',
  });
  stale = 0;
});
afterEach(async () => {
  await agent?.stop();
  await manager.stop();
  await broker.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(choice: LinkChoice, who: Identity = identity, address = manager.address): Promise<SimAgent> {
  const carrier = chosenCarrier({ choice, manager: address, identity: () => who, stale: () => stale++ });
  agent = await SimAgent.start({ home: join(folder, 'a'), carrier });
  return agent;
}

const link = (): string | undefined => manager.fleet.admin.agents().find(({ state }) => state === 'connected')?.link;

test('without a choice: NATS where the manager has a broker, gRPC by its socket or without a credential', async () => {
  await start({});
  await until('it is there', () => link() === 'nats');
  await agent?.stop();
  await until('it left', () => link() === undefined);
  await start({}, identity, `unix:${manager.socketPath}`);
  await until('it is there', () => link() === 'grpc');
  await agent?.stop();
  await until('it left', () => link() === undefined);
  const { nats, ...without } = identity;
  expect(nats?.servers).toEqual([broker.address]);
  await start({}, without);
  await until('it is there', () => link() === 'grpc');
});

test('a manager that does not come to the broker any more gets its agents back over gRPC, but not one that was told NATS', async () => {
  await start({});
  await until('it is there', () => link() === 'nats');
  await manager.natsLink.close();
  await until('it comes over gRPC', () => link() === 'grpc');
  await agent?.stop();
  await until('it left', () => link() === undefined);
  const told = await start({ link: 'nats' });
  const reasons: string[] = [];
  told.onWarning = (reason) => reasons.push(reason);
  await until('it tries', () => reasons.filter((reason) => /manager is away from it/.test(reason)).length > 8);
  expect(link()).toBeUndefined();
});

test('asks for a new credential when there is none, or the broker does not take it', async () => {
  const { nats, ...without } = identity;
  const one = await start({ link: 'nats' }, without);
  const reasons: string[] = [];
  one.onWarning = (reason) => reasons.push(reason);
  await until('it says so', () => reasons.some((reason) => /no credential for a broker/.test(reason)));
  await one.stop();
  await start({ link: 'nats' }, { ...identity, nats: { ...(nats ?? { key: '', servers: [] }), jwt: 'no.jwt.atall' } });
  const before = stale;
  await until('it asks', () => stale > before && stale > 1);
});
