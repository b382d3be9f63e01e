import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askBoot } from '../../../../../agent/identity/enrol.ts';
import type { Identity } from '../../../../../agent/identity/identity-files.ts';
import { defaultLifetimes } from '../../../../../manager/fleet/authority/authority.ts';
import { type BootTokenPayload, signBootToken } from '../../../../../shared/identity/boot-token.ts';
import { peerIdentity } from '../../../../../shared/identity/certificate.ts';
import type { EnrolmentReply__Output } from '../../../../../shared/wire/generated/hostler/v1/EnrolmentReply.ts';
import { SimAgent, enrolSim } from '../../../../sim/agent.ts';
import { until } from '../../../../sim/engine.ts';
import { SimManager } from '../../../../sim/manager.ts';

const minute = 60_000;

describe('enrolment by boot token', () => {
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

  let server: Identity;

  beforeEach(async () => {
    server = await enrol('boot1', await manager.token({ roles: ['boot'] }));
    const info = { user: 'root', command: 'mkdef', correlation: 'c', at: 0 };
    await manager.registry.commit(info, [
      {
        type: 'node',
        name: 'n01',
        values: {
          'nodelist.node': 'n01',
          'chain.currstate': 'netboot debian12-x86_64-compute',
          'mac.mac': '52:54:00:AA:BB:01!n01|52:54:00:aa:bb:02',
        },
      },
      { type: 'node', name: 'n02', values: { 'nodelist.node': 'n02' } },
    ]);
  });

  function token(change: Partial<BootTokenPayload> = {}, key = server.key): string {
    const now = Date.now() + clock;
    return signBootToken(
      {
        node: 'n01',
        mac: '52:54:00:aa:bb:01',
        bootId: 'boot-id',
        server: 'boot1',
        id: randomBytes(16).toString('hex'),
        issuedAt: now,
        expiresAt: now + 10 * minute,
        ...change,
      },
      createPrivateKey(key),
    );
  }

  function boot(text: string, key = newKey()): Promise<EnrolmentReply__Output> {
    return askBoot(
      manager.address,
      manager.fleet.authority.certificate,
      { token: text, version: '1', incarnation: 'i' },
      key,
      signal(),
    );
  }

  it('gives the node its certificate', async () => {
    const reply = await boot(token());
    expect(peerIdentity(reply.certificate)).toMatchObject({ name: 'n01', kind: 'node', roles: ['node'] });
  });

  it.each([
    ['whose osimage has the profile service', { 'nodetype.provmethod': 'sn' }, true],
    ['in the table servicenode, even with zeros', { 'servicenode.dhcpserver': '0' }, true],
    ['of a group in that table', { 'nodelist.groups': 'servers' }, true],
    ['whose osimage has another profile', { 'nodetype.provmethod': 'cn' }, false],
  ])('a node %s has the roles that the registry gives it', async (_, values, serves) => {
    const info = { user: 'root', command: 'chdef', correlation: 'c', at: 0 };
    const osimage = (profile: string) => ({ 'osimage.imagename': profile, 'osimage.profile': profile });
    await manager.registry.commit(info, [
      { type: 'osimage', name: 'sn', values: osimage('service') },
      { type: 'osimage', name: 'cn', values: osimage('compute') },
      { type: 'group', name: 'servers', values: { 'servicenode.node': 'servers', 'servicenode.tftpserver': '1' } },
      { type: 'node', name: 'n01', values },
    ]);
    const reply = await boot(token());
    const roles = serves ? ['boot', 'store', 'relay', 'control', 'node'] : ['node'];
    expect(peerIdentity(reply.certificate)).toMatchObject({ name: 'n01', kind: 'node', roles });
    expect([...reply.roles]).toEqual(roles);
  });

  it('a second machine with the used token is refused and told of; the first one goes on', async () => {
    const text = token();
    const key = newKey();
    const reply = await boot(text, key);
    const serial = peerIdentity(reply.certificate)?.serial ?? '';
    const agent = await linked({ ...server, key, certificate: reply.certificate, name: 'n01' });
    await stateOf('n01', 'connected');
    await expect(boot(text)).rejects.toMatchObject({
      code: 'permission_denied',
      message: expect.stringContaining('second time') as string,
    });
    expect(manager.registry.view.reported('node', 'n01')?.['boot.error']).toContain('second time');
    expect(manager.logged(/second time/).length).toBeGreaterThan(0);
    expect(manager.fleet.admin.agents().find(({ name }) => name === 'n01')).toMatchObject({
      serial,
      state: 'connected',
    });
    expect(agent.refusals).toEqual([]);
    // The first machine itself may ask again: its reply may have been lost.
    expect((await boot(text, key)).certificate).toBe(reply.certificate);
  });

  it('of two machines at once one gets in', async () => {
    const text = token();
    const both = await Promise.allSettled([boot(text), boot(text), boot(text)]);
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('remembers used tokens over a restart of the manager', async () => {
    const text = token();
    await boot(text);
    await manager.crash();
    await manager.up();
    await expect(boot(text)).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('a new boot revokes the certificate of the one before', async () => {
    const key = newKey();
    const first = await boot(token(), key);
    const agent = await linked({ ...server, key, certificate: first.certificate, name: 'n01' });
    await stateOf('n01', 'connected');
    await boot(token());
    await until('the first is turned out', () => agent.refusals.some(({ retryAfter }) => retryAfter === 0));
  });

  it.each([
    ['expired', () => ({ issuedAt: Date.now() - 30 * minute, expiresAt: Date.now() - 20 * minute }), 'expired'],
    ['from the future', () => ({ issuedAt: Date.now() + 20 * minute, expiresAt: Date.now() + 30 * minute }), 'future'],
    ['good for hours', () => ({ expiresAt: Date.now() + 600 * minute }), 'lives longer'],
    ['of a node that is not authorised', () => ({ node: 'n02' }), 'nodeset'],
    ['of no node', () => ({ node: 'n99' }), 'no node'],
    ['of a node with a dangerous name', () => ({ node: '../../n01' }), 'no node'],
    ['for another network card', () => ({ mac: '52:54:00:00:00:00' }), 'no network card'],
    ['of an unknown boot server', () => ({ server: 'boot9' }), 'no boot server'],
  ])('refuses a token that is %s', async (_, change, message) => {
    await expect(boot(token(change()))).rejects.toMatchObject({
      message: expect.stringContaining(message) as string,
    });
    expect(manager.fleet.admin.agents().map(({ name }) => name)).toEqual(['boot1']);
  });

  it('allows for clocks that are a few minutes apart', async () => {
    await boot(token({ issuedAt: Date.now() + 4 * minute, expiresAt: Date.now() + 14 * minute }));
    await boot(token({ issuedAt: Date.now() - 14 * minute, expiresAt: Date.now() - 4 * minute }));
  });

  it('refuses tokens signed by another key, by an agent without the role, or by a revoked boot server', async () => {
    await expect(boot(token({}, newKey()))).rejects.toMatchObject({
      message: expect.stringContaining('not signed by') as string,
    });
    const builder = await enrol('b1', await manager.token());
    await expect(boot(token({ server: 'b1' }, builder.key))).rejects.toMatchObject({ code: 'unauthenticated' });
    await manager.fleet.admin.revoke('boot1');
    await expect(boot(token())).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it.each([
    '',
    'x',
    'x.y',
    '.'.repeat(100),
    `${Buffer.from('{}').toString('base64url')}.aaaa`,
    `${'a'.repeat(10_000)}.b`,
  ])('refuses %j', async (text) => {
    await expect(boot(text)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('does not turn an agent that stays into a node', async () => {
    await enrol('n01', await manager.token());
    await expect(boot(token())).rejects.toMatchObject({ code: 'already_exists' });
  });
});
