import { spawn } from 'node:child_process';
import { sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiscardPolicy, type Msg, type NatsConnection } from 'nats';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { makeNatsKey } from '../../agent/identity/nats-key.ts';
import { agentLogin, natsCarrier } from '../../agent/link/nats.ts';
import type { BrokerOptions } from '../../shared/broker/server.ts';
import { connectBroker } from '../../shared/broker/connection.ts';
import {
  allKept,
  allUp,
  credentialName,
  downSubject,
  keptSubject,
  managerCame,
  upSubject,
} from '../../shared/identity/subjects.ts';
import { which } from '../../shared/process/which.ts';
import { longestMessage } from '../../shared/session/limits.ts';
import { frameCodec, keptReportsCodec } from '../../shared/wire/definitions.ts';
import { SimAgent, type SimAgentOptions, SimSpool, enrolSim } from '../sim/agent.ts';
import { type SimBroker, freePort, simKeeps, startBroker } from '../sim/broker.ts';
import { until } from '../sim/engine.ts';
import { type LogLine, SimManager } from '../sim/manager.ts';

/** A refusal of somebody who was never enrolled. */
function isOfGhost({ level, fields }: LogLine): boolean {
  return level === 'warn' && String(fields['agent']).startsWith('ghost');
}

/** What only a broker can do to a link: every promise of the link holds all the same. */
describe('the link over NATS', () => {
  let folder: string;
  let manager: SimManager;
  let identity: Identity;
  let broker: SimBroker;
  let clock: number;
  const cleanUp: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hostler-nats-'));
    cleanUp.push(() => rm(folder, { recursive: true, force: true }));
    clock = 0;
    manager = await SimManager.start({ home: join(folder, 'm'), now: () => Date.now() + clock });
    cleanUp.push(() => manager.stop());
    identity = await enrol('a1');
  });
  afterEach(async () => {
    for (const step of cleanUp.splice(0).reverse()) await step();
  });

  async function attach(more: Partial<BrokerOptions> = {}, mostKept?: number): Promise<void> {
    broker = await startBroker(manager, join(folder, 'nats'), more);
    cleanUp.push(() => broker.stop());
    manager.attach([broker.address], mostKept);
    await until('the manager is at the broker', () => manager.natsLink.open);
  }

  async function enrol(name: string, home = name): Promise<Identity> {
    const token = await manager.token({ name });
    return enrolSim({ home: join(folder, home), manager: manager.address, token, name });
  }

  async function agent(options: Partial<SimAgentOptions> = {}, servers = [broker.address]): Promise<SimAgent> {
    const carrier = natsCarrier({ servers: () => servers, identity: () => identity });
    const started = await SimAgent.start({ home: join(folder, 'a1'), carrier, ...options });
    cleanUp.push(() => started.stop());
    await until('the agent is connected', () => started.link.connected);
    return started;
  }

  function give(to: SimAgent, id: string, spec = '{}'): void {
    const task = { id, kind: 'sim', spec, deadline: 0, uninterruptible: false, correlation: 'c', title: 't' };
    manager.fleet.send('a1', to.incarnation, task);
  }

  const ids = (count: number, job: string): string[] => Array.from({ length: count }, (_, index) => `${job}.${index}`);

  /** A client of the broker with the credential of that agent. */
  async function client(who: Identity): Promise<NatsConnection> {
    const opened = await connectBroker(agentLogin([broker.address], who));
    cleanUp.push(() => opened.close());
    return opened;
  }

  /** One with the manager's own credential, which may do everything. */
  async function mighty(): Promise<NatsConnection> {
    const tls = await manager.fleet.authority.issueManager();
    const opened = await connectBroker(await manager.nats.account.managerLogin([broker.address], tls));
    cleanUp.push(() => opened.close());
    return opened;
  }

  async function allOnce(one: SimAgent, wanted: readonly string[]): Promise<void> {
    await manager.engine.until('all ends', () => manager.engine.applied.length >= wanted.length, 30_000);
    await one.link.drained(AbortSignal.timeout(10_000));
    expect(manager.engine.applied.map(({ id }) => id).sort()).toEqual([...wanted].sort());
    expect([...one.begun.values()].every((times) => times === 1)).toBe(true);
  }

  describe('in bad days', () => {
    it('goes on when the broker is killed, which is started again', async () => {
      await attach();
      const one = await agent();
      const wanted = ids(80, 'kill');
      const killed: number[] = [];
      for (const [index, id] of wanted.entries()) {
        give(one, id);
        if (index % 40 !== 20) continue;
        await until('a broker runs', () => broker.pid() > 0);
        killed.push(broker.pid());
        process.kill(broker.pid(), 'SIGKILL');
        await until('it is gone', () => broker.pid() !== killed.at(-1));
      }
      await allOnce(one, wanted);
      expect(killed).toHaveLength(2);
      expect(broker.lines.filter(({ message }) => /the broker ended \(SIGKILL\)/.test(message))).toHaveLength(2);
    });

    it('keeps everything while the broker is away for minutes, and says who is away', async () => {
      await attach();
      const one = await agent({ work: () => until('the broker is away', () => !one.link.connected).then(() => ({})) });
      const wanted = ids(50, 'away');
      for (const id of wanted) give(one, id);
      await until('the tasks begin', () => one.begun.size === wanted.length);
      await broker.stop();
      await until('all ended', () => one.reported.size === wanted.length);
      await until('the manager has noticed', () => manager.fleet.admin.connected() === 0);
      clock += 10 * 60_000;
      await until('the agent is away', () => manager.fleet.admin.agents()[0]?.state === 'away');
      expect(manager.engine.applied).toEqual([]);
      broker = await startBroker(manager, join(folder, 'nats'), { listen: { host: '127.0.0.1', port: broker.port } });
      cleanUp.push(() => broker.stop());
      await allOnce(one, wanted);
      expect(manager.fleet.admin.agents()[0]?.state).toBe('connected');
    });

    it('loses nothing when the manager reads too slowly and the broker throws it out', async () => {
      // One agent has less on its way than the least that a broker lets wait: it takes a crowd, or one that floods.
      await attach({ maxPending: 1024 * 1024 });
      const relay = await stallingRelay(broker.port);
      cleanUp.push(relay.close);
      await manager.natsLink.close();
      manager.attach([`127.0.0.1:${relay.port}`]);
      await until('the manager is at the broker', () => manager.natsLink.open);
      const one = await agent();
      const flood = await client(identity);
      const wanted = ids(40, 'slow');
      for (const id of wanted.slice(0, 20)) give(one, id);
      relay.stall(true);
      const frame = frameCodec.encode({ number: 2, piece: Buffer.alloc(900_000) });
      for (let index = 0; index < 24; index++) flood.publish(upSubject(identity, `flood${index}`), frame);
      await flood.flush();
      await eventually('the broker throws it out', async () =>
        (await logOf(folder)).includes('Slow Consumer Detected'),
      );
      relay.stall(false);
      await until('the manager has noticed', () => manager.logged(/connection to the broker was lost/).length > 0);
      for (const id of wanted.slice(20)) give(one, id);
      await allOnce(one, wanted);
    });

    it('says at once that reports are not kept when the broker is gone before it answers', async () => {
      await attach();
      await manager.natsLink.close();
      const { streams } = await (await mighty()).jetstreamManager();
      const relay = await stallingRelay(broker.port);
      cleanUp.push(relay.close);
      const carrier = natsCarrier({ servers: () => [`127.0.0.1:${relay.port}`], identity: () => identity });
      const stop = new AbortController();
      cleanUp.push(async () => stop.abort());
      await carrier(stop.signal);
      const keep = (sequence: number) =>
        carrier.keep?.('life', [{ sequence, nodeEvent: { node: 'none', stage: 'dhcp', at: 1 } }]);
      relay.stall(true);
      // One piece of what the broker says still goes through, and this is it.
      await keep(1);
      const second = expect(keep(2)).rejects.toThrow(/lost before it said that it keeps reports/);
      await eventually('it has both', async () => (await streams.info('HOSTLER_REPORTS')).state.messages === 2);
      await relay.close();
      await second;
    });

    it('takes each report once though the broker delivers everything twice, and starts over when one is missing', async () => {
      await attach();
      const other = await mighty();
      let copied = 0;
      const seen = new Set<string>();
      const twice = (_: Error | null, message: Msg): void => {
        const key = `${message.subject} ${Buffer.from(message.data).toString('base64')}`;
        if (message.data.length === 0 || seen.has(key)) return;
        seen.add(key);
        copied++;
        other.publish(message.subject, message.data);
      };
      other.subscribe(allUp, { callback: twice });
      await other.flush();
      const one = await agent();
      const wanted = ids(60, 'twice');
      for (const id of wanted.slice(0, 30)) give(one, id);
      await manager.engine.until('half of it', () => manager.engine.applied.length === 30);
      const [first] = [...seen].map((key) => key.split(' ')[0] ?? '');
      // As if nine frames had been overtaken.
      other.publish(first ?? '', frameCodec.encode({ number: 10_000, piece: Buffer.alloc(0) }));
      await until('it is noticed', () => manager.logged(/Frame 10000 came where/).length === 1);
      for (const id of wanted.slice(30)) give(one, id);
      await allOnce(one, wanted);
      expect(copied).toBeGreaterThan(60);
      expect(manager.natsLink.counts.again).toBeGreaterThan(30);
    });

    it('does not begin again a connection whose beginning is replayed', async () => {
      await attach();
      const other = await mighty();
      const seen: Msg[] = [];
      other.subscribe(allUp, { callback: (_, message) => void seen.push(message) });
      await other.flush();
      const one = await agent();
      await one.stop();
      await until('it left', () => manager.fleet.admin.connected() === 0);
      for (const { subject, data } of seen) other.publish(subject, data);
      await until('the replay is noticed', () => manager.natsLink.counts.replayed > 0);
      expect(manager.logged(/had ended came again; refused/)).toHaveLength(1);
      expect(manager.fleet.admin.connected()).toBe(0);
      expect(manager.engine.arrivals).toHaveLength(1);
    });
  });

  describe('while the manager is away', () => {
    it('reports of an agent that is gone by then are applied, in order and once', async () => {
      await attach();
      const streams = await (await mighty()).jetstreamManager();
      const spool = new SimSpool();
      const one = await agent({ incarnation: 'life1', spool });
      for (const id of ids(20, 'kept')) give(one, id);
      await manager.engine.until('the first', () => manager.engine.applied.length === 20);
      await one.link.drained(AbortSignal.timeout(5_000));
      await manager.crash();
      await until('the link is down', () => !one.link.connected);
      for (const id of ids(300, 'later')) await one.link.report({ nodeEvent: { node: id, stage: 'x', at: 1 } });
      await one.link.report({ facts: { facts: '{"arch":"told-while-away"}' } });
      const last = one.outbox.last;
      const waiting = async (): Promise<number> => (await streams.streams.info('HOSTLER_REPORTS')).state.messages;
      await eventually('the broker keeps them', async () => {
        if ((await waiting()) === 0) return false;
        const { data } = await streams.streams.getMessage('HOSTLER_REPORTS', { last_by_subj: keptSubject(identity) });
        return keptReportsCodec.decode(Buffer.from(data)).messages.at(-1)?.sequence === last;
      });
      await one.stop();
      await rm(join(folder, 'a1', 'outbox'), { recursive: true });
      await manager.up();
      await until(
        'the facts arrive',
        () => manager.registry.view.reported('agent', 'a1')?.['agent.arch'] === 'told-while-away',
      );
      await eventually('the broker has nothing more', async () => (await waiting()) === 0);
      expect(manager.logged(/a node event|without the role boot/).length).toBeGreaterThan(0);
      expect(manager.engine.applied).toHaveLength(20);
      // The same life comes back with its numbers: nothing of it is applied twice.
      const again = await agent({ incarnation: 'life1', spool });
      await again.link.report({ facts: { facts: '{"arch":"after"}' } });
      expect(again.outbox.last).toBeGreaterThan(last);
    });

    it('says so when the broker has no room, keeps the rest in the agent, and all of it arrives once', async () => {
      await attach({ mostBytes: 1024 * 1024 }, 48 * 1024);
      const streams = await (await mighty()).jetstreamManager();
      const told: string[] = [];
      const one = await agent();
      one.onWarning = (message) => told.push(message);
      await manager.crash();
      await until('the link is down', () => !one.link.connected);
      const pad = 'x'.repeat(2_000);
      for (let index = 0; index < 200; index++) {
        await one.link.report({ facts: { facts: JSON.stringify({ arch: `a${index}`, pad }) } });
      }
      await until('it is said', () =>
        told.some((message) => /does not keep reports any more: maximum bytes/.test(message)),
      );
      await manager.up();
      await one.link.drained(AbortSignal.timeout(20_000));
      await until('the last', () => manager.registry.view.reported('agent', 'a1')?.['agent.arch'] === 'a199');
      // There is room again.
      await manager.crash();
      await until('the link is down again', () => !one.link.connected);
      await one.link.report({ facts: { facts: '{"arch":"again"}' } });
      await eventually('it is kept', async () => (await streams.streams.info('HOSTLER_REPORTS')).state.messages === 1);
      await manager.up();
      // An attempt in vain to reach the broker takes ten seconds, where the machine is busy.
      const has = (): boolean => manager.registry.view.reported('agent', 'a1')?.['agent.arch'] === 'again';
      await until('it arrives', has, 20_000);
    });
  });

  describe('who may do what', () => {
    it("an agent reaches its own subjects and nobody else's", async () => {
      await attach();
      const victim = await enrol('b.2');
      const intruder = await client(identity);
      const refused = new Set<string>();
      void (async () => {
        for await (const { data, permissionContext } of intruder.status()) {
          if (data === 'PERMISSIONS_VIOLATION')
            refused.add(`${permissionContext?.operation} ${permissionContext?.subject}`);
        }
      })();
      const subscribed = [
        '>',
        'hostler.>',
        allUp,
        downSubject(victim, '*'),
        downSubject({ ...identity, serial: '*' }, '*'),
        downSubject({ ...identity, serial: victim.serial }, '*'),
        `hostler.down.${credentialName(victim.name)}.>`,
        'hostler.broker',
        '$SYS.>',
        '$JS.>',
        '_INBOX.>',
      ];
      const published = [
        upSubject(victim, 'x'),
        upSubject({ ...identity, serial: victim.serial }, 'x'),
        downSubject(victim, 'x'),
        downSubject(identity, 'x'),
        keptSubject(victim),
        managerCame,
        'hostler.broker',
        '$SYS.REQ.CLAIMS.UPDATE',
        '$SYS.REQ.SERVER.PING',
        '$JS.API.STREAM.DELETE.HOSTLER_REPORTS',
        '$JS.API.INFO',
      ];
      const heard: string[] = [];
      for (const subject of subscribed) {
        intruder.subscribe(subject, {
          callback: (error, { subject: from }) => {
            if (error === null) heard.push(from);
          },
        });
      }
      for (const subject of published) intruder.publish(subject, Buffer.from('forged'));
      await intruder.flush();
      const all = [
        ...subscribed.map((subject) => `subscription ${subject}`),
        ...published.map((one) => `publish ${one}`),
      ];
      await until('all is refused', () => all.every((one) => refused.has(one)));
      const other = await mighty();
      for (const subject of [upSubject(victim, 'x'), downSubject(victim, 'x'), 'hostler.broker'])
        other.publish(subject);
      await other.flush();
      await intruder.flush();
      expect(heard).toEqual([]);
      expect(manager.natsLink.counts.undecodable).toBe(0);
      // Its own are its own, and the stream is still there.
      intruder.publish(upSubject(identity, 'mine'), Buffer.from('ff', 'hex'));
      await until('its own message arrives', () => manager.natsLink.counts.undecodable === 1);
      expect((await (await other.jetstreamManager()).streams.info('HOSTLER_REPORTS')).config.name).toBe(
        'HOSTLER_REPORTS',
      );
    });

    it("an agent that has the broker's answers sent elsewhere harms nobody", async () => {
      await attach();
      const one = await agent();
      const noted: string[] = [];
      one.onWarning = (message) => noted.push(message);
      const owner = await enrol('b.2');
      const intruder = await client(owner);
      const { streams } = await (await mighty()).jetstreamManager();
      const kept = keptReportsCodec.encode({ incarnation: 'x', messages: [] });
      // What another has laid down.
      const other = await client(identity);
      other.publish(keptSubject(identity), kept);
      await other.flush();
      const api = ['PURGE', 'DELETE', 'MSG.DELETE', 'UPDATE'].map((word) => `$JS.API.STREAM.${word}.HOSTLER_REPORTS`);
      const rough = Array.from({ length: 8 }, (_, number) => upSubject(identity, `x${String(number)}`));
      for (const reply of [...api, managerCame, keptSubject(identity), ...rough]) {
        intruder.publish(keptSubject(owner), kept, { reply });
      }
      await intruder.flush();
      await until('its answers came', () => manager.natsLink.counts.undecodable >= rough.length);
      expect((await streams.getMessage('HOSTLER_REPORTS', { seq: 1 })).subject).toBe(keptSubject(identity));
      expect(noted).toEqual([]);
      expect(one.link.connected).toBe(true);
      give(one, 'after.1');
      await manager.engine.until('the end', () => manager.engine.applied.length === 1);
      expect(manager.engine.arrivals).toHaveLength(1);
    });

    it('a stream of before it was protected from that is brought up to date', async () => {
      broker = await startBroker(manager, join(folder, 'nats'));
      cleanUp.push(() => broker.stop());
      const { streams } = await (await mighty()).jetstreamManager();
      const before = { subjects: [allKept], max_bytes: simKeeps, discard: DiscardPolicy.New };
      await streams.add({ name: 'HOSTLER_REPORTS', ...before });
      manager.attach([broker.address]);
      await until('the manager is at the broker', () => manager.natsLink.open);
      expect((await streams.info('HOSTLER_REPORTS')).config).toMatchObject({ deny_purge: true, max_bytes: simKeeps });
    });

    it('nobody gets in with half of it: no certificate, another authority, a key that is not his, a foreign credential', async () => {
      await attach();
      const b = await enrol('b2');
      const stranger = await SimManager.start({ home: join(folder, 'other') });
      cleanUp.push(() => stranger.stop());
      const token = await stranger.token();
      const foreign = await enrolSim({ home: join(folder, 'f'), manager: stranger.address, token, name: 'a1' });
      const login = agentLogin([broker.address], identity);
      const wrong = [
        { ...login, tls: foreign, why: /broker/ },
        { ...login, tls: { ...foreign, authority: identity.authority }, why: /broker/ },
        { ...login, jwt: b.nats?.jwt ?? '', why: /does not accept this credential/ },
        { ...login, sign: (nonce: Uint8Array) => sign(null, nonce, b.nats?.key ?? ''), why: /does not accept/ },
        { ...agentLogin([broker.address], foreign), tls: identity, why: /trusts another manager/ },
      ];
      for (const { why, ...one } of wrong) await expect(connectBroker(one)).rejects.toThrow(why);
      await (await connectBroker(login)).close();
    });

    it('a credential of before a new enrolment is worth nothing, and cannot listen to the new one', async () => {
      await attach();
      const old = await agent();
      const before = identity;
      identity = await enrol('a1', 'a1-again');
      expect(identity.serial).not.toBe(before.serial);
      await until('the old one is told', () => old.refusals.length > 0);
      expect(old.refusals[0]).toMatchObject({ code: 'unauthenticated', retryAfter: 0 });
      const carrier = natsCarrier({ servers: () => [broker.address], identity: () => before });
      const tries = await SimAgent.start({ home: join(folder, 'old'), carrier });
      cleanUp.push(() => tries.stop());
      await until('it is refused', () => tries.refusals.length > 0);
      expect(tries.refusals[0]?.message).toMatch(/revoked or replaced/);
      const listener = await client(before);
      const heard: string[] = [];
      for (const subject of [downSubject(identity, '*'), downSubject(before, '*')]) {
        listener.subscribe(subject, {
          callback: (error, { subject: from }) => {
            if (error === null) heard.push(from);
          },
        });
      }
      await listener.flush();
      const fresh = await agent({ home: join(folder, 'a1-again') });
      give(fresh, 'new.1');
      await manager.engine.until('the end', () => manager.engine.applied.length === 1);
      await listener.flush();
      expect(heard).toEqual([]);
    });

    it('a credential ends when it says so: the broker closes the connection', async () => {
      await attach();
      const { privateKey, publicKey } = makeNatsKey();
      const jwt = await manager.nats.account.agentUser(identity, publicKey, Date.now() + 4_000);
      const short = { ...identity, nats: { key: privateKey, jwt, servers: [] } };
      expect(await (await client(short)).closed()).toMatchObject({ code: 'AUTHENTICATION_EXPIRED' });
      // It counts in whole seconds: until this one is over it lets its bearer in, and out again.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await expect(connectBroker(agentLogin([broker.address], short))).rejects.toMatchObject({
        code: 'unauthenticated',
      });
      // Enrolment gives it the end of the certificate.
      const { exp } = JSON.parse(Buffer.from(identity.nats?.jwt.split('.')[1] ?? '', 'base64url').toString()) as {
        exp: number;
      };
      expect(exp).toBe(identity.expiresAt / 1000);
    });
  });

  describe('with messages that are not as they should be', () => {
    it('of 8 MB: the broker refuses one, the manager one in pieces; both go on', async () => {
      await attach();
      const one = await agent();
      const rough = await client(identity);
      // The client would not send it: the broker has told it what is too long.
      Object.assign(rough.info ?? {}, { max_payload: 64 * 1024 * 1024 });
      rough.publish(upSubject(identity, 'big'), Buffer.alloc(8 * 1024 * 1024));
      await rough.closed();
      const pieces = await client(identity);
      // Who does not listen is taken for gone.
      pieces.subscribe(downSubject(identity, 'pieces'), { callback: () => undefined });
      for (let number = 1; number <= 9; number++) {
        const piece = Buffer.alloc(1_000_000, 'x');
        pieces.publish(upSubject(identity, 'pieces'), frameCodec.encode({ number, piece, more: number < 9 }));
      }
      await until('it is refused', () => manager.logged(new RegExp(`more than ${longestMessage} bytes`)).length === 1);
      give(one, 'after.1');
      await manager.engine.until('the end', () => manager.engine.applied.length === 1);
      expect(one.link.connected).toBe(true);
    });

    it('of nobody known, on connections that were never begun, of every shape: counted, answered, harmless', async () => {
      await attach();
      const other = await mighty();
      const nobody = { name: 'nobody', serial: '0123' };
      const answers: string[] = [];
      other.subscribe('hostler.down.>', {
        callback: (_, { data }) => void answers.push(frameCodec.decode(Buffer.from(data)).reason),
      });
      await other.flush();
      other.publish(upSubject(nobody, 'c1'), frameCodec.encode({ number: 7, piece: Buffer.from('x') }));
      await until('it is answered', () => answers.some((reason) => /does not know this connection/.test(reason)));
      other.publish('hostler.up.a.b.c.d', Buffer.from('x'));
      other.publish('hostler.up..weird', Buffer.from('x'));
      for (const text of ['', 'ff', '00', '0a', '08ffffffffffffffffff7f', 'deadbeef'.repeat(40)]) {
        other.publish(upSubject(identity, `g${text.length}`), Buffer.from(text, 'hex'));
      }
      await until('they are counted', () => manager.natsLink.counts.undecodable >= 3);
      for (let number = 0; number < 20; number++) {
        const invented = { name: `ghost${String(number)}`, serial: `ab${String(number)}` };
        other.publish(upSubject(invented, 'c1'), frameCodec.encode({ number: 1, piece: Buffer.from('ff', 'hex') }));
        other.publish(upSubject(invented, 'c2'), frameCodec.encode({ number: 5, piece: Buffer.alloc(0) }));
      }
      await until('they are refused', () => manager.lines.filter(isOfGhost).length === 20);
      const one = await agent();
      give(one, 'after.1');
      await manager.engine.until('the end', () => manager.engine.applied.length === 1);
      expect(manager.natsLink.open).toBe(true);
      // Nothing stays of what was invented.
      await until('they are forgotten', () => manager.natsLink.remembered <= 1);
      await manager.natsLink.close();
      const [told] = manager.logged(/messages were turned away/);
      expect(told?.fields).toMatchObject({ forged: 0, again: 0, replayed: 0 });
      expect(Number(told?.fields['unknown'])).toBeGreaterThanOrEqual(23);
      expect(Number(told?.fields['undecodable'])).toBeGreaterThanOrEqual(3);
    });
  });
});

describe('a broker', () => {
  it('outlives a manager that was killed, and is taken over; another one in its place is told', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hostler-nats-'));
    const manager = await SimManager.start({ home: join(folder, 'm') });
    const listen = { host: '127.0.0.1', port: await freePort() };
    try {
      const first = await startBroker(manager, join(folder, 'nats'), { listen });
      const second = await startBroker(manager, join(folder, 'nats'), { listen });
      expect(second.pid()).toBe(first.pid());
      await expect(startBroker(manager, join(folder, 'elsewhere'), { listen })).rejects.toThrow(/else listens on/);
      await second.stop();
      await first.stop();
    } finally {
      await manager.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('that a manager had no time to note before it was killed is ended, and another one started', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hostler-nats-'));
    const manager = await SimManager.start({ home: join(folder, 'm') });
    const listen = { host: '127.0.0.1', port: await freePort() };
    try {
      await (await startBroker(manager, join(folder, 'nats'), { listen })).stop();
      const configuration = join(folder, 'nats', 'nats-server.conf');
      const stray = spawn(which('nats-server') ?? '', ['-c', configuration], { stdio: ['ignore', 'ignore', 'pipe'] });
      const ended = once(stray, 'exit');
      let said = '';
      stray.stderr.on('data', (text: Buffer) => (said += text.toString()));
      await until('it listens', () => said.includes('Server is ready'));
      const next = await startBroker(manager, join(folder, 'nats'), { listen });
      await ended;
      expect(next.pid()).not.toBe(stray.pid);
      await next.stop();
    } finally {
      await manager.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  const late = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > late) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function logOf(folder: string): Promise<string> {
  return readFile(join(folder, 'nats', 'nats-server.log'), 'utf8');
}

/** Passes everything on; while it stalls, nothing from the broker to the agent. */
async function stallingRelay(target: number) {
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
