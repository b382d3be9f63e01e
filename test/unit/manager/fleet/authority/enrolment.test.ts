import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askJoin, askRenew, fingerprintIn } from '../../../../../agent/identity/enrol.ts';
import { learnAuthority } from '../../../../../agent/identity/authority-pin.ts';
import { renewIdentity } from '../../../../../agent/identity/identity.ts';
import { type Identity, loadIdentity } from '../../../../../agent/identity/identity-files.ts';
import { Authority, defaultLifetimes } from '../../../../../manager/fleet/authority/authority.ts';
import type { EnrolmentReply__Output } from '../../../../../shared/wire/generated/hostler/v1/EnrolmentReply.ts';
import { SimAgent, enrolSim } from '../../../../sim/agent.ts';
import { until } from '../../../../sim/engine.ts';
import { SimManager } from '../../../../sim/manager.ts';

const minute = 60_000;

describe('enrolment', () => {
  let folder: string;
  let manager: SimManager;
  let clock: number;
  const agents: SimAgent[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hostler-enrol-'));
    clock = 0;
    manager = await SimManager.start({
      home: join(folder, 'm'),
      tcp: { host: '127.0.0.1', port: 0 },
      now: () => Date.now() + clock,
      lifetimes: { ...defaultLifetimes, service: 60 * minute, node: 30 * minute },
    });
  });
  afterEach(async () => {
    await Promise.all(agents.splice(0).map((agent) => agent.stop()));
    await manager.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const signal = (): AbortSignal => AbortSignal.timeout(10_000);
  const newKey = (): string =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

  function join_(
    token: string,
    name: string,
    key = newKey(),
    roles: readonly string[] = [],
  ): Promise<EnrolmentReply__Output> {
    const asked = { token, name, roles, version: '1', incarnation: 'i' };
    return askJoin(manager.address, manager.fleet.authority.certificate, asked, key, signal());
  }

  function enrol(name: string, token: string, home = name): Promise<Identity> {
    return enrolSim({ home: join(folder, home), manager: manager.address, token, name });
  }

  /** An agent with its link open. */
  async function linked(identity: Identity, incarnation = 'life1'): Promise<SimAgent> {
    const agent = await SimAgent.start({
      home: join(folder, identity.name),
      manager: manager.address,
      identity,
      incarnation,
    });
    agents.push(agent);
    return agent;
  }

  async function stateOf(name: string, state: string): Promise<void> {
    await until(
      `${name} is ${state}`,
      () => manager.fleet.admin.agents().find((one) => one.name === name)?.state === state,
    );
  }

  describe('by join token', () => {
    it('gives a certificate with name, kind and roles, the key 0600 and made here', async () => {
      const identity = await enrol('b1', await manager.token({ roles: ['build', 'store'] }));
      expect(identity).toMatchObject({ name: 'b1', kind: 'service', roles: ['build', 'store'] });
      expect((await stat(join(folder, 'b1', 'identity', 'identity.pem'))).mode & 0o777).toBe(0o600);
      expect((await stat(join(folder, 'm', 'authority', 'ca.key'))).mode & 0o777).toBe(0o600);
      expect((await loadIdentity(join(folder, 'b1')))?.serial).toBe(identity.serial);
      await linked(identity);
      await stateOf('b1', 'connected');
      expect(manager.registry.view.reported('agent', 'b1')).toMatchObject({
        'agent.roles': 'build,store',
        'agent.kind': 'service',
        'agent.state': 'connected',
      });
    });

    it('keeps only a hash of the secret', async () => {
      const token = await manager.token();
      const secret = token.split('.')[1] ?? '';
      const stored: string[] = [];
      for await (const [key, value] of manager.registry.space('fleet').entries())
        stored.push(key + JSON.stringify(value));
      expect(stored.join('\n')).not.toContain(secret);
      expect(stored.join('\n')).toContain(createHash('sha256').update(secret).digest('hex'));
    });

    it('gives the same key the same answer, however often it asks', async () => {
      const token = await manager.token();
      const key = newKey();
      const replies = await Promise.all([join_(token, 'b1', key), join_(token, 'b1', key), join_(token, 'b1', key)]);
      expect(new Set(replies.map(({ certificate }) => certificate)).size).toBe(1);
    });

    it.each([
      ['wrong', (token: string) => token.replace(/\.[0-9a-f]{4}/, '.0000')],
      ['unknown', (token: string) => `0000000000000000${token.slice(16)}`],
      ['no token at all', () => 'let me in'],
      ['empty', () => ''],
    ])('refuses a token that is %s, and tells nothing', async (_, spoil) => {
      await expect(join_(spoil(await manager.token()), 'b1')).rejects.toMatchObject({
        code: 'unauthenticated',
        message: expect.stringContaining('unknown, expired or used up') as string,
      });
      expect(manager.fleet.admin.agents()).toEqual([]);
      expect(manager.logged(/join refused/)).toHaveLength(1);
    });

    it('refuses a used token to another key, two at once included', async () => {
      const token = await manager.token();
      const both = await Promise.allSettled([join_(token, 'b1'), join_(token, 'b2')]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      await expect(join_(token, 'b3')).rejects.toMatchObject({ code: 'unauthenticated' });
      expect(manager.fleet.admin.agents()).toHaveLength(1);
    });

    it('counts uses', async () => {
      const token = await manager.token({ uses: 3 });
      const tries = await Promise.allSettled(['a', 'b', 'c', 'd'].map((name) => join_(token, name)));
      expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    });

    it('refuses an expired token', async () => {
      const token = await manager.token({ lifetime: 60 });
      clock = 2 * minute;
      await expect(join_(token, 'b1')).rejects.toMatchObject({ code: 'unauthenticated' });
    });

    it.each([
      ['another name', { name: 'b1' }, 'b2', [], 'permission_denied'],
      ['a role it does not give', { roles: ['build'] }, 'b1', ['boot'], 'permission_denied'],
      ['a name with a slash', {}, '../b1', [], 'invalid_argument'],
      ['a name with a line feed', {}, 'b1\nCN=hostler-manager', [], 'invalid_argument'],
      ["the manager's name", {}, 'hostler-manager', [], 'invalid_argument'],
    ])('refuses %s', async (_, token, name, roles, code) => {
      await expect(join_(await manager.token(token), name, newKey(), roles)).rejects.toMatchObject({ code });
    });

    it('refuses a proof by another key, and keys of another kind', async () => {
      const { enrolment } = manager.fleet;
      const token = await manager.token();
      const base = {
        token,
        name: 'b1',
        roles: [],
        version: '',
        incarnation: '',
        natsKey: Buffer.alloc(0),
        via: '',
        leaf: false,
      };
      const other = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
      for (const publicKey of [other, randomBytes(91), Buffer.alloc(0), randomBytes(100_000)]) {
        await expect(
          (async () => enrolment.join({ ...base, key: { publicKey, signature: randomBytes(70) } }))(),
        ).rejects.toMatchObject({ code: 'unauthenticated' });
      }
      await expect((async () => enrolment.join({ ...base, key: null }))()).rejects.toMatchObject({
        code: 'unauthenticated',
      });
    });

    it('waits for approval, and is let in by it', async () => {
      const token = await manager.token({ approval: true });
      const waiting = enrol('b1', token);
      await stateOf('b1', 'waiting');
      await manager.fleet.admin.approve('b1');
      const identity = await waiting;
      await linked(identity);
      await stateOf('b1', 'connected');
    });

    it('gives up when it is refused instead of approved', async () => {
      const token = await manager.token({ approval: true });
      const waiting = enrol('b1', token);
      waiting.catch(() => undefined);
      await stateOf('b1', 'waiting');
      await manager.fleet.admin.revoke('b1');
      await expect(waiting).rejects.toMatchObject({ code: 'unauthenticated' });
      await expect(manager.fleet.admin.approve('b1')).rejects.toMatchObject({ code: 'failed_precondition' });
    });

    it('does not let a name be taken over, except by a token for this name', async () => {
      const identity = await enrol('b1', await manager.token());
      const old = await linked(identity);
      await stateOf('b1', 'connected');
      await expect(join_(await manager.token(), 'b1')).rejects.toMatchObject({ code: 'already_exists' });
      expect(old.refusals).toEqual([]);
      await join_(await manager.token({ name: 'b1' }), 'b1');
      await until('the old one is turned out', () => old.refusals.some(({ retryAfter }) => retryAfter === 0));
    });
  });

  describe('revocation', () => {
    it('ends the link, loses the tasks, and does not let the agent in again by an older token', async () => {
      const token = await manager.token({ uses: 5 });
      const identity = await enrol('b1', token);
      const agent = await SimAgent.start({
        home: join(folder, 'b1'),
        manager: manager.address,
        identity,
        work: () => new Promise(() => undefined),
      });
      agents.push(agent);
      await stateOf('b1', 'connected');
      manager.fleet.send('b1', agent.incarnation, {
        id: 'j.1',
        kind: 'sim',
        spec: '',
        deadline: 0,
        uninterruptible: false,
        correlation: '',
        title: '',
      });
      await until('the task begins', () => agent.begun.size === 1);
      expect(await manager.fleet.admin.revoke('b1')).toMatchObject({ state: 'revoked' });
      await until('it is told', () =>
        agent.refusals.some(({ code, retryAfter }) => code === 'unauthenticated' && retryAfter === 0),
      );
      expect(manager.engine.of('j.1').losses).toHaveLength(1);
      clock += 1;
      await expect(join_(token, 'b1')).rejects.toMatchObject({ code: 'unauthenticated' });
      const again = await linked(identity, 'life2');
      await until('it is refused', () => again.refusals.length === 1);
      expect(manager.engine.arrivals).toHaveLength(1);
      clock += minute;
      await join_(await manager.token(), 'b1');
    });

    it('knows no agent that is not there', async () => {
      await expect(manager.fleet.admin.revoke('nobody')).rejects.toMatchObject({ code: 'not_found' });
    });
  });

  describe('certificates', () => {
    it('an expired one is refused and changes nothing', async () => {
      const identity = await enrol('b1', await manager.token());
      clock = 61 * minute;
      const agent = await linked(identity);
      await until('the refusal', () => agent.refusals.length === 1);
      expect(agent.refusals[0]?.message).toContain('expired');
      expect(manager.engine.arrivals).toEqual([]);
    });

    it('one that runs out while the link is open ends the link', async () => {
      const agent = await linked(await enrol('b1', await manager.token()));
      await stateOf('b1', 'connected');
      clock = 61 * minute;
      await until('the refusal', () => agent.refusals.some(({ code }) => code === 'unauthenticated'));
    });

    it('one of another authority with the same name is refused', async () => {
      await enrol('b1', await manager.token());
      const other = await Authority.open(join(folder, 'other'));
      const key = newKey();
      const forged = await other.issueAgent({ name: 'b1', kind: 'service', roles: ['build'] }, createPublicKey(key));
      const identity = { ...(await enrol('b2', await manager.token())), key, certificate: forged.certificate };
      const agent = await linked({ ...identity, name: 'b1' });
      await until('the refusal', () => agent.refusals.length === 1);
      expect(agent.refusals[0]).toMatchObject({ code: 'unauthenticated', retryAfter: 0 });
      expect(manager.logged(/does not accept/).length).toBeGreaterThan(0);
      expect(manager.engine.arrivals).toEqual([]);
    });

    it('renewal gives a new key and certificate; the old one counts until the new one was used', async () => {
      const home = join(folder, 'b1');
      const old = await enrol('b1', await manager.token());
      const renewed = await renewIdentity(old, { home, manager: manager.address }, signal());
      expect(renewed.serial).not.toBe(old.serial);
      expect(renewed.key).not.toBe(old.key);
      // The reply may have been lost: the same question gets the same answer.
      expect((await askRenew(manager.address, old, renewed.key, signal())).certificate.trim()).toBe(
        renewed.certificate.trim(),
      );
      const first = await linked(old);
      await stateOf('b1', 'connected');
      await first.stop();
      const second = await linked(renewed);
      await until('the new one is used', () => manager.engine.arrivals.length === 2);
      await second.stop();
      const third = await linked(old);
      await until('the old one is refused', () => third.refusals.length === 1);
      await expect(askRenew(manager.address, old, newKey(), signal())).rejects.toMatchObject({
        code: 'unauthenticated',
      });
    });

    it('the server is known by its name and authority, not by its address', async () => {
      const identity = await enrol('b1', await manager.token());
      const other = await Authority.open(join(folder, 'other'));
      const agent = await linked({ ...identity, authority: other.certificate });
      await until(
        'an attempt fails',
        () => agent.refusals.length === 0 && manager.logged(/handshake failed/).length > 0,
      );
      expect(manager.engine.arrivals).toEqual([]);
    });
  });

  describe('the authority', () => {
    it('stays the same over restarts, and will not start without its key', async () => {
      const before = manager.fleet.authority.fingerprint;
      await manager.crash();
      await manager.up();
      expect(manager.fleet.authority.fingerprint).toBe(before);
      const home = join(folder, 'half');
      await Authority.open(home);
      await rm(join(home, 'ca.key'));
      await expect(Authority.open(home)).rejects.toMatchObject({ code: 'failed_precondition' });
      await writeFile(join(home, 'ca.key'), newKey());
      await expect(Authority.open(home)).rejects.toMatchObject({ code: 'failed_precondition' });
    });

    it('is pinned by the token over TCP, and read beside the socket without one', async () => {
      const token = await manager.token();
      expect(fingerprintIn(token)).toBe(manager.fleet.authority.fingerprint);
      const pem = await readFile(join(folder, 'm', 'authority', 'ca.pem'), 'utf8');
      expect((await learnAuthority(manager.address, fingerprintIn(token), signal())).authority.trim()).toBe(pem.trim());
      expect(await learnAuthority(`unix:${manager.socketPath}`, undefined, signal())).toEqual({ authority: pem });
      await expect(learnAuthority(manager.address, '0'.repeat(64), signal())).rejects.toMatchObject({
        code: 'unauthenticated',
      });
      await expect(learnAuthority(manager.address, undefined, signal())).rejects.toMatchObject({
        code: 'failed_precondition',
      });
    });
  });
});
