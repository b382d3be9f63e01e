import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { renewIdentity } from '../../agent/identity/identity.ts';
import { chosenCarrier } from '../../agent/link/choose.ts';
import { agentLogin } from '../../agent/link/nats.ts';
import { type RelayService, relayOf } from '../../agent/services/relay/index.ts';
import { atManager, leafPort } from '../../shared/broker/address.ts';
import { connectBroker } from '../../shared/broker/connection.ts';
import {
  credentialName,
  leafDomain,
  downSubject,
  keptSubject,
  managerCame,
  upSubject,
} from '../../shared/identity/subjects.ts';
import { which } from '../../shared/process/which.ts';
import { frameCodec, keptReportsCodec } from '../../shared/wire/definitions.ts';
import { SimAgent, enrolSim } from '../sim/agent.ts';
import { type SimBroker, freeBrokerPort, freePort, startBroker } from '../sim/broker.ts';
import { until } from '../sim/engine.ts';
import { SimManager } from '../sim/manager.ts';
import { RawLeaf } from '../tools/raw-leaf.ts';

/** Which program is not there. */
const programs = vi.hoisted(() => ({ without: '' }));
vi.mock('../../shared/process/which.ts', async (original) => {
  const real = await original<typeof import('../../shared/process/which.ts')>();
  return { ...real, which: (name: string) => (name === programs.without ? undefined : real.which(name)) };
});

/*
 * Agents behind a relay's leaf node, on real nats-servers: who is behind it, who may speak for whom, and what happens when it
 * is no relay any more. The hub is 127.0.0.1, the relay 127.0.0.2.
 */

describe.skipIf(which('nats-server') === undefined)("a relay's leaf node (needs nats-server)", () => {
  let folder: string;
  let manager: SimManager;
  let broker: SimBroker;
  /** Of the relay: enrolment and gRPC; its leaf node has the broker's port. */
  let door: string;
  let relay: Identity;
  const said: string[] = [];
  const cleanUp: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    said.length = 0;
    programs.without = '';
    folder = await mkdtemp(join(tmpdir(), 'hostler-leaf-'));
    cleanUp.push(() => rm(folder, { recursive: true, force: true }));
    manager = await SimManager.start({ home: join(folder, 'm'), tcp: { host: '127.0.0.1', port: 0 } });
    cleanUp.push(() => manager.stop());
    const port = await freeBrokerPort();
    const leafListen = { host: '127.0.0.1', port: leafPort(port) };
    broker = await startBroker(manager, join(folder, 'nats'), { listen: { host: '127.0.0.1', port }, leafListen });
    cleanUp.push(() => broker.stop());
    manager.attach([broker.address], undefined, [`:${port}`]);
    door = `127.0.0.2:${await freePort()}`;
    relay = await enrol('sn.1', { roles: ['relay'] });
  });
  afterEach(async () => {
    for (const step of cleanUp.splice(0).reverse()) await step();
  });

  async function enrol(name: string, { roles = ['build'], at = manager.address } = {}): Promise<Identity> {
    const token = await manager.token({ name, roles });
    return enrolSim({ home: join(folder, name), manager: at, token, name, roles });
  }

  const log = (_: object, line: string): void => void said.push(line);

  async function startRelay(identity = () => relay, at = door, to = manager.address): Promise<RelayService> {
    const [host = '', port] = at.split(':');
    const more = { choice: {}, renewSoon: () => undefined, onRenewed: () => () => undefined };
    const { name, roles } = identity();
    const service = await relayOf({
      home: join(folder, name),
      roles,
      at: [{ host, port: Number(port) }],
      manager: to,
      identity,
      ...more,
      log: { info: log, warn: log, error: log },
    });
    cleanUp.push(() => service.close());
    return service;
  }

  async function leafThere(): Promise<void> {
    await startRelay();
    await until('the manager reaches the leaf', () => manager.logged(/at the relay's leaf node/).length > 0, 20_000);
  }

  const leafAddress = (): string => `127.0.0.2:${broker.port}`;

  async function agent(identity: Identity, at = door, pauses?: [number, number]): Promise<SimAgent> {
    const options = { choice: { link: 'nats' as const }, manager: at, identity: () => identity };
    const carrier = chosenCarrier({ ...options, stale: () => said.push('stale') });
    const started = await SimAgent.start({
      home: join(folder, identity.name),
      carrier,
      ...(pauses !== undefined && { pauses }),
    });
    cleanUp.push(() => started.stop());
    return started;
  }

  /** A client of the leaf node with that agent's credential. */
  async function client(who: Identity, at = leafAddress()): Promise<NatsConnection> {
    const opened = await connectBroker(agentLogin([at], who));
    cleanUp.push(() => opened.close());
    return opened;
  }

  it('who enrols at a relay is told of its leaf node, and comes by it; who enrols at the hub is not', async () => {
    await leafThere();
    const node = await enrol('n1', { at: door });
    expect(node.nats).toMatchObject({ via: 'sn.1', servers: [`:${broker.port}`] });
    const direct = await enrol('d1');
    expect(direct.nats?.via).toBeUndefined();
    expect(relay.nats?.via).toBeUndefined();
    const shown = manager.fleet.admin.agents().map((summary) => [summary.name, summary.relay]);
    expect(Object.fromEntries(shown)).toEqual({ n1: 'sn.1', d1: '', 'sn.1': '' });
    const one = await agent(node);
    await until('it is connected', () => one.link.connected);
    expect(manager.relayLink('sn.1')?.open).toBe(true);
    const task = {
      id: 't.1',
      kind: 'sim',
      spec: '{}',
      deadline: 0,
      uninterruptible: false,
      correlation: 'c',
      title: 't',
    };
    manager.fleet.send('n1', one.incarnation, task);
    await manager.engine.until('the end', () => manager.engine.applied.length === 1);
    // When it dies the leaf says so at once, long before a heartbeat is missed.
    const before = manager.fleet.admin.connected();
    await one.stop();
    await until('it is gone', () => manager.fleet.admin.connected() === before - 1);
    // The leaf shows the relay's certificate: whoever expects another one says nothing to it.
    const wrong = { ...agentLogin([leafAddress()], node) };
    await expect(connectBroker({ ...wrong, relay: 'd1' })).rejects.toMatchObject({ code: 'unauthenticated' });
    const { servers, jwt, sign, tls, name } = wrong;
    await expect(connectBroker({ servers, jwt, sign, tls, name })).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('an agent that was enrolled at the hub and comes to a relay asks for a credential of it', async () => {
    await leafThere();
    const before = await enrol('n1');
    const lost = await agent(before);
    await until('it notices', () => said.includes('stale'), 20_000);
    expect(lost.link.connected).toBe(false);
    await lost.stop();
    const options = { home: join(folder, 'n1'), manager: door };
    const after = await renewIdentity(before, options, AbortSignal.timeout(20_000));
    expect(after.nats).toMatchObject({ via: 'sn.1' });
    const one = await agent(after);
    await until('it is connected', () => one.link.connected);
  });

  it('reports of an agent behind that is gone by then wait in the leaf, and are applied without a gap', async () => {
    await leafThere();
    const tls = await manager.fleet.authority.issueManager();
    const login = await manager.nats.relay('sn.1')?.managerLogin([leafAddress()], tls);
    if (login === undefined) throw new Error('the relay has no account');
    const node = await enrol('n1', { at: door });
    const one = await agent(node);
    await until('it is connected', () => one.link.connected);
    await manager.crash();
    await until('the link is down', () => !one.link.connected);
    for (let number = 0; number < 200; number++) await one.link.report({ facts: { facts: `{"arch":"a${number}"}` } });
    const { last } = one.outbox;
    const inLeaf = await connectBroker({ ...login, relay: 'sn.1' });
    cleanUp.push(() => inLeaf.close());
    const { streams } = await inLeaf.jetstreamManager();
    const kept = async (): Promise<number> => {
      const { data } = await streams.getMessage('HOSTLER_REPORTS', { last_by_subj: keptSubject(node) });
      return keptReportsCodec.decode(Buffer.from(data)).messages.at(-1)?.sequence ?? 0;
    };
    let through = 0;
    for (const late = Date.now() + 30_000; through < last && Date.now() < late;) through = await kept().catch(() => 0);
    expect(through).toBe(last);
    await one.stop();
    await rm(join(folder, 'n1', 'outbox'), { recursive: true });
    await manager.up();
    const told = (): unknown => manager.registry.view.reported('agent', 'n1')?.['agent.arch'];
    await until('the last of them is applied', () => told() === 'a199');
    expect(manager.logged(/a gap before reports|were refused/)).toEqual([]);
    for (let left = 1; left > 0;) left = (await streams.info('HOSTLER_REPORTS')).state.messages;
  });

  it('agents behind hear that the manager can be reached again, and do not wait for their next attempt', async () => {
    await leafThere();
    // The next attempt of its own is minutes away.
    const one = await agent(await enrol('n1', { at: door }), door, [600_000, 600_000]);
    await until('it is connected', () => one.link.connected, 20_000);
    await manager.crash();
    await until('the link is down', () => !one.link.connected, 20_000);
    await manager.up();
    await until('it is back', () => one.link.connected, 40_000);
    process.kill(broker.pid(), 'SIGKILL');
    await until('the link is down again', () => !one.link.connected, 20_000);
    await until('it is back again', () => one.link.connected, 60_000);
  });

  it('a relay behind a relay has a leaf node and a room of its own', async () => {
    await leafThere();
    const second = await enrol('sn.2', { roles: ['relay'], at: door });
    expect(second.nats).toMatchObject({ via: 'sn.1' });
    const behind = `127.0.0.3:${await freePort()}`;
    await startRelay(() => second, behind, door);
    const reached = (): boolean => manager.logged(/relay's leaf node/).some(({ fields }) => fields['relay'] === 'sn.2');
    await until('the manager reaches the second leaf', reached, 20_000);
    const node = await enrol('n1', { at: behind });
    expect(node.nats?.via).toBe('sn.2');
    const one = await agent(node, behind);
    await until('the node is connected', () => one.link.connected);
  });

  it("an agent reaches its own subjects at the leaf and nobody else's", async () => {
    await leafThere();
    const [node, victim] = [await enrol('n1', { at: door }), await enrol('n2', { at: door })];
    const intruder = await client(node);
    const refused = new Set<string>();
    void (async () => {
      for await (const { data, permissionContext } of intruder.status()) {
        if (data === 'PERMISSIONS_VIOLATION')
          refused.add(`${permissionContext?.operation} ${permissionContext?.subject}`);
      }
    })();
    const domain = leafDomain('sn.1');
    const subscribed = ['>', 'hostler.>', downSubject(victim, '*'), 'hostler.broker', '$JS.>', '_INBOX.>', '$SYS.>'];
    const published = [
      upSubject(victim, 'x'),
      downSubject(victim, 'x'),
      keptSubject(victim),
      keptSubject({ ...node, serial: victim.serial }),
      managerCame,
      'hostler.broker',
      '$JS.API.STREAM.DELETE.HOSTLER_REPORTS',
    ];
    for (const subject of subscribed) intruder.subscribe(subject, { callback: () => undefined });
    for (const subject of published) intruder.publish(subject, Buffer.from('forged'));
    // Refused under the name that it has in the leaf.
    intruder.publish(`$JS.${domain}.API.STREAM.DELETE.HOSTLER_REPORTS`);
    await intruder.flush();
    const all = [...subscribed.map((one) => `subscription ${one}`), ...published.map((one) => `publish ${one}`)];
    await until('all is refused', () => all.every((one) => refused.has(one))).catch(() => undefined);
    expect(all.filter((one) => !refused.has(one))).toEqual([]);
    const tls = await manager.fleet.authority.issueManager();
    const login = await manager.nats.relay('sn.1')?.managerLogin([broker.address], tls);
    if (login === undefined) throw new Error('the relay has no account');
    const mighty = await connectBroker(login);
    const { streams } = await mighty.jetstreamManager({ domain });
    expect((await streams.info('HOSTLER_REPORTS')).state.messages).toBe(0);
    await mighty.close();
  });

  describe('a relay that was broken into', () => {
    const frame = frameCodec.encode({ number: 1, piece: Buffer.from('ff', 'hex') });

    async function raw(credential?: { jwt: string; key: string }): Promise<RawLeaf> {
      const leaf = await RawLeaf.connect(leafPort(broker.port), relay, credential);
      cleanUp.push(async () => leaf.close());
      return leaf;
    }

    it('speaks for no agent that is not behind it, neither in its own room nor in that of others', async () => {
      const direct = await enrol('d1');
      const link = await relayLink();
      const leaf = await raw();
      const kept = keptReportsCodec.encode({ incarnation: 'x', messages: [] });
      leaf.publish(upSubject(direct, 'x'), frame, downSubject(direct, 'x'));
      leaf.publish(keptSubject(direct), kept);
      await until('it is refused', () => link.counts.forged === 1);
      expect(
        manager.logged(/the relay 'sn.1' brought a message of 'd1', who does not speak by it; refused/),
      ).toHaveLength(1);
      // The broker lets it say what it likes, and nobody is in that room who would listen.
      expect(manager.natsLink.counts).toMatchObject({ unknown: 0, undecodable: 0, forged: 0 });
      expect((await hub()).messages).toBe(0);
      const second = await enrol('sn.2', { roles: ['relay'] });
      await until('there is another relay', () => manager.relayLink('sn.2')?.open === true);
      leaf.publish(upSubject(second, 'x'), frame);
      await until('refused as well', () => link.counts.forged === 2);
      expect(manager.relayLink('sn.2')?.counts).toMatchObject({ undecodable: 0, forged: 0 });
    });

    it("hears nothing beyond its room, and does not reach the hub's streams or its system account", async () => {
      const direct = await enrol('d1');
      await relayLink();
      const leaf = await raw();
      for (const subject of ['>', '$JS.>', '$SYS.>', '_INBOX.>', 'hostler.down.>']) leaf.subscribe(subject);
      const mine = await client(direct, broker.address);
      mine.publish(upSubject(direct, 'secret'), Buffer.from('secret words'), { reply: downSubject(direct, 'secret') });
      await mine.flush();
      await until('the manager heard it', () => manager.natsLink.counts.undecodable === 1);
      const before = await hub();
      for (const subject of ['$JS.API.STREAM.DELETE.HOSTLER_REPORTS', '$JS.API.STREAM.PURGE.HOSTLER_REPORTS']) {
        leaf.publish(subject, Buffer.alloc(0), 'hostler.up.answer');
      }
      leaf.publish('$SYS.REQ.SERVER.PING.CONNZ', Buffer.alloc(0), 'hostler.up.answer');
      leaf.publish('$SYS.REQ.CLAIMS.UPDATE', Buffer.from(relay.nats?.leaf?.jwt ?? ''), 'hostler.up.answer');
      leaf.publish(managerCame, Buffer.alloc(0));
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(leaf.heard).not.toContain('secret');
      expect((await hub()).created).toBe(before.created);
      // Of connections it hears of those in its own room.
      expect(leaf.heard).not.toContain(credentialName('d1'));
      // And cannot fill the hub's disk with streams of its own.
      expect(leaf.heard).not.toContain('jetstream.api');
      expect(manager.natsLink.open).toBe(true);
    });

    it('cannot come in as anybody else: its credential is good for a leaf node, and an agent’s is not', async () => {
      await relayLink();
      const leafJwt = relay.nats?.leaf?.jwt ?? '';
      const login = agentLogin([broker.address], relay);
      await expect(connectBroker({ ...login, jwt: leafJwt })).rejects.toMatchObject({ code: 'unauthenticated' });
      const node = await enrol('d1');
      const leaf = await raw({ jwt: node.nats?.jwt ?? '', key: node.nats?.key ?? '' });
      leaf.publish(upSubject(node, 'x'), frame);
      leaf.publish(upSubject(relay, 'x'), frame);
      await until('it is thrown out', () => leaf.closed || /Authorization/.test(leaf.heard));
      expect(manager.natsLink.counts.undecodable).toBe(0);
      // Nor that of one behind it, in whose account leaf nodes may be.
      await leafThere();
      const behind = await enrol('n1', { at: door });
      expect(behind.nats?.via).toBe('sn.1');
      const second = await raw({ jwt: behind.nats?.jwt ?? '', key: behind.nats?.key ?? '' });
      await until('it is thrown out as well', () => second.closed || /Authorization/.test(second.heard));
    });

    it('is heard no more when it was revoked, and neither are reports that it brings', async () => {
      await leafThere();
      const node = await enrol('n1', { at: door });
      const one = await agent(node);
      await until('it is connected', () => one.link.connected);
      await manager.fleet.admin.revoke('sn.1');
      await until('nobody speaks by it', () => manager.relayLink('sn.1') === undefined);
      await until('the agent behind is cut off', () => manager.fleet.admin.connected() === 0);
      // Who asks now is not put behind it.
      const after = await enrol('n2', { at: door });
      expect(after.nats?.via).toBeUndefined();
    });

    /** Without a leaf node of the real kind in its place. */
    async function relayLink() {
      await until('the link by the relay is open', () => manager.relayLink('sn.1')?.open === true);
      const link = manager.relayLink('sn.1');
      if (link === undefined) throw new Error('no link');
      return link;
    }

    /** The hub's own stream. */
    async function hub(): Promise<{ messages: number; created: string }> {
      const tls = await manager.fleet.authority.issueManager();
      const mighty = await connectBroker(await manager.nats.account.managerLogin([broker.address], tls));
      const { state, created } = await (await mighty.jetstreamManager()).streams.info('HOSTLER_REPORTS');
      await mighty.close();
      return { messages: state.messages, created };
    }
  });

  it('an agent without the role is nobody’s relay, whatever others say at enrolment', async () => {
    const plain = await enrol('b1', { roles: ['build', 'relay'] });
    expect(plain.nats?.leaf).toBeDefined();
    const only = await enrol('b2');
    expect(only.nats?.leaf).toBeUndefined();
    expect(manager.fleet.enrolment.keepsLeaf('b2')).toBe(false);
    expect(manager.fleet.enrolment.keepsLeaf('sn.1')).toBe(true);
    expect(manager.fleet.enrolment.keepsLeaf('nobody')).toBe(false);
  });

  it('a relay without nats-server says so, and carries what it can', async () => {
    const { key = '', jwt = '', servers = [] } = relay.nats ?? {};
    programs.without = 'nats-server';
    await startRelay(() => ({ ...relay, nats: { key, jwt, servers } }));
    expect(said.join('\n')).toMatch(
      /There is no nats-server on this machine: .*nothing waits here while the hub is away/,
    );
    const direct = await enrol('d1');
    const through = await connectBroker(agentLogin(atManager([`:${broker.port}`], door), direct));
    expect(through.info?.server_name).toBe('hostler');
    await through.close();
    const renewed = await renewIdentity(
      direct,
      { home: join(folder, 'd1'), manager: door },
      AbortSignal.timeout(20_000),
    );
    expect(renewed.serial).not.toBe(direct.serial);
  });
});
