import { sign } from 'node:crypto';
import { join } from 'node:path';
import { DiscardPolicy } from 'nats';
import { describe, expect, it } from 'vitest';
import { makeNatsKey } from '../../agent/identity/nats-key.ts';
import { agentLogin, natsCarrier } from '../../agent/link/nats.ts';
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
import { longestMessage } from '../../shared/session/limits.ts';
import { frameCodec, keptReportsCodec } from '../../shared/wire/definitions.ts';
import { SimAgent, enrolSim } from '../sim/agent.ts';
import { simKeeps, startBroker } from '../sim/broker.ts';
import { until } from '../sim/engine.ts';
import { type LogLine, SimManager } from '../sim/manager.ts';
import { natsLab } from './nats-lab.ts';

/** A refusal of somebody who was never enrolled. */
function isOfGhost({ level, fields }: LogLine): boolean {
  return level === 'warn' && String(fields['agent']).startsWith('ghost');
}

/** Who may do what at a broker, and what comes of those who do more. */
describe('the link over NATS', () => {
  const lab = natsLab();
  const { attach, enrol, agent, give, client, mighty } = lab;

  describe('who may do what', () => {
    it("an agent reaches its own subjects and nobody else's", async () => {
      await attach();
      const victim = await enrol('b.2');
      const intruder = await client(lab.identity);
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
        downSubject({ ...lab.identity, serial: '*' }, '*'),
        downSubject({ ...lab.identity, serial: victim.serial }, '*'),
        `hostler.down.${credentialName(victim.name)}.>`,
        'hostler.broker',
        '$SYS.>',
        '$JS.>',
        '_INBOX.>',
      ];
      const published = [
        upSubject(victim, 'x'),
        upSubject({ ...lab.identity, serial: victim.serial }, 'x'),
        downSubject(victim, 'x'),
        downSubject(lab.identity, 'x'),
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
      expect(lab.manager.natsLink.counts.undecodable).toBe(0);
      // Its own are its own, and the stream is still there.
      intruder.publish(upSubject(lab.identity, 'mine'), Buffer.from('ff', 'hex'));
      await until('its own message arrives', () => lab.manager.natsLink.counts.undecodable === 1);
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
      const other = await client(lab.identity);
      other.publish(keptSubject(lab.identity), kept);
      await other.flush();
      const api = ['PURGE', 'DELETE', 'MSG.DELETE', 'UPDATE'].map((word) => `$JS.API.STREAM.${word}.HOSTLER_REPORTS`);
      const rough = Array.from({ length: 8 }, (_, number) => upSubject(lab.identity, `x${String(number)}`));
      for (const reply of [...api, managerCame, keptSubject(lab.identity), ...rough]) {
        intruder.publish(keptSubject(owner), kept, { reply });
      }
      await intruder.flush();
      await until('its answers came', () => lab.manager.natsLink.counts.undecodable >= rough.length);
      expect((await streams.getMessage('HOSTLER_REPORTS', { seq: 1 })).subject).toBe(keptSubject(lab.identity));
      expect(noted).toEqual([]);
      expect(one.link.connected).toBe(true);
      give(one, 'after.1');
      await lab.manager.engine.until('the end', () => lab.manager.engine.applied.length === 1);
      expect(lab.manager.engine.arrivals).toHaveLength(1);
    });

    it('a stream of before it was protected from that is brought up to date', async () => {
      lab.broker = await startBroker(lab.manager, join(lab.folder, 'nats'));
      lab.cleanUp.push(() => lab.broker.stop());
      const { streams } = await (await mighty()).jetstreamManager();
      const before = { subjects: [allKept], max_bytes: simKeeps, discard: DiscardPolicy.New };
      await streams.add({ name: 'HOSTLER_REPORTS', ...before });
      lab.manager.attach([lab.broker.address]);
      await until('the manager is at the broker', () => lab.manager.natsLink.open);
      expect((await streams.info('HOSTLER_REPORTS')).config).toMatchObject({ deny_purge: true, max_bytes: simKeeps });
    });

    it('nobody gets in with half of it: no certificate, another authority, a key that is not his, a foreign credential', async () => {
      await attach();
      const b = await enrol('b2');
      const stranger = await SimManager.start({ home: join(lab.folder, 'other') });
      lab.cleanUp.push(() => stranger.stop());
      const token = await stranger.token();
      const foreign = await enrolSim({ home: join(lab.folder, 'f'), manager: stranger.address, token, name: 'a1' });
      const login = agentLogin([lab.broker.address], lab.identity);
      const wrong = [
        { ...login, tls: foreign, why: /broker/ },
        { ...login, tls: { ...foreign, authority: lab.identity.authority }, why: /broker/ },
        { ...login, jwt: b.nats?.jwt ?? '', why: /does not accept this credential/ },
        { ...login, sign: (nonce: Uint8Array) => sign(null, nonce, b.nats?.key ?? ''), why: /does not accept/ },
        { ...agentLogin([lab.broker.address], foreign), tls: lab.identity, why: /trusts another manager/ },
      ];
      for (const { why, ...one } of wrong) await expect(connectBroker(one)).rejects.toThrow(why);
      await (await connectBroker(login)).close();
    });

    it('a credential of before a new enrolment is worth nothing, and cannot listen to the new one', async () => {
      await attach();
      const old = await agent();
      const before = lab.identity;
      lab.identity = await enrol('a1', 'a1-again');
      expect(lab.identity.serial).not.toBe(before.serial);
      await until('the old one is told', () => old.refusals.length > 0);
      expect(old.refusals[0]).toMatchObject({ code: 'unauthenticated', retryAfter: 0 });
      const carrier = natsCarrier({ servers: () => [lab.broker.address], identity: () => before });
      const tries = await SimAgent.start({ home: join(lab.folder, 'old'), carrier });
      lab.cleanUp.push(() => tries.stop());
      await until('it is refused', () => tries.refusals.length > 0);
      expect(tries.refusals[0]?.message).toMatch(/revoked or replaced/);
      const listener = await client(before);
      const heard: string[] = [];
      for (const subject of [downSubject(lab.identity, '*'), downSubject(before, '*')]) {
        listener.subscribe(subject, {
          callback: (error, { subject: from }) => {
            if (error === null) heard.push(from);
          },
        });
      }
      await listener.flush();
      const fresh = await agent({ home: join(lab.folder, 'a1-again') });
      give(fresh, 'new.1');
      await lab.manager.engine.until('the end', () => lab.manager.engine.applied.length === 1);
      await listener.flush();
      expect(heard).toEqual([]);
    });

    it('a credential ends when it says so: the broker closes the connection', async () => {
      await attach();
      const { privateKey, publicKey } = makeNatsKey();
      const jwt = await lab.manager.nats.account.agentUser(lab.identity, publicKey, Date.now() + 8_000);
      const short = { ...lab.identity, nats: { key: privateKey, jwt, servers: [] } };
      expect(await (await client(short)).closed()).toMatchObject({ code: 'AUTHENTICATION_EXPIRED' });
      // It counts in whole seconds: until this one is over it lets its bearer in, and out again.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await expect(connectBroker(agentLogin([lab.broker.address], short))).rejects.toMatchObject({
        code: 'unauthenticated',
      });
      // Enrolment gives it the end of the certificate.
      const { exp } = JSON.parse(Buffer.from(lab.identity.nats?.jwt.split('.')[1] ?? '', 'base64url').toString()) as {
        exp: number;
      };
      expect(exp).toBe(lab.identity.expiresAt / 1000);
    });
  });

  describe('with messages that are not as they should be', () => {
    it('of 8 MB: the broker refuses one, the manager one in pieces; both go on', async () => {
      await attach();
      const one = await agent();
      const rough = await client(lab.identity);
      // The client would not send it: the broker has told it what is too long.
      Object.assign(rough.info ?? {}, { max_payload: 64 * 1024 * 1024 });
      rough.publish(upSubject(lab.identity, 'big'), Buffer.alloc(8 * 1024 * 1024));
      await rough.closed();
      const pieces = await client(lab.identity);
      // Who does not listen is taken for gone.
      pieces.subscribe(downSubject(lab.identity, 'pieces'), { callback: () => undefined });
      for (let number = 1; number <= 9; number++) {
        const piece = Buffer.alloc(1_000_000, 'x');
        pieces.publish(upSubject(lab.identity, 'pieces'), frameCodec.encode({ number, piece, more: number < 9 }));
      }
      await until(
        'it is refused',
        () => lab.manager.logged(new RegExp(`more than ${longestMessage} bytes`)).length === 1,
      );
      give(one, 'after.1');
      await lab.manager.engine.until('the end', () => lab.manager.engine.applied.length === 1);
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
        other.publish(upSubject(lab.identity, `g${text.length}`), Buffer.from(text, 'hex'));
      }
      await until('they are counted', () => lab.manager.natsLink.counts.undecodable >= 3);
      for (let number = 0; number < 20; number++) {
        const invented = { name: `ghost${String(number)}`, serial: `ab${String(number)}` };
        other.publish(upSubject(invented, 'c1'), frameCodec.encode({ number: 1, piece: Buffer.from('ff', 'hex') }));
        other.publish(upSubject(invented, 'c2'), frameCodec.encode({ number: 5, piece: Buffer.alloc(0) }));
      }
      await until('they are refused', () => lab.manager.lines.filter(isOfGhost).length === 20);
      const one = await agent();
      give(one, 'after.1');
      await lab.manager.engine.until('the end', () => lab.manager.engine.applied.length === 1);
      expect(lab.manager.natsLink.open).toBe(true);
      // Nothing stays of what was invented.
      await until('they are forgotten', () => lab.manager.natsLink.remembered <= 1);
      await lab.manager.natsLink.close();
      const [told] = lab.manager.logged(/messages were turned away/);
      expect(told?.fields).toMatchObject({ forged: 0, again: 0, replayed: 0 });
      expect(Number(told?.fields['unknown'])).toBeGreaterThanOrEqual(23);
      expect(Number(told?.fields['undecodable'])).toBeGreaterThanOrEqual(3);
    });
  });
});
