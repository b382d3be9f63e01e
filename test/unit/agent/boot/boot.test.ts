import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runAgent } from '../../../../agent/agent.ts';
import { enrolBooted } from '../../../../agent/boot/boot.ts';
import type { BootOptions } from '../../../../agent/boot/boot.ts';
import { imageSettings } from '../../../../agent/boot/image-settings.ts';
import { placeStore } from '../../../../agent/boot/store-place.ts';
import { BlobStore } from '../../../../agent/store/blobs.ts';
import { signBootToken } from '../../../../shared/identity/boot-token.ts';
import type { ClaimRequest } from '../../../../shared/identity/boot-token.ts';
import { serviceNodeRoles } from '../../../../shared/identity/names.ts';
import { openLog } from '../../../../shared/log/log.ts';
import { enrolSim } from '../../../sim/agent.ts';
import { until } from '../../../sim/engine.ts';
import { SimManager } from '../../../sim/manager.ts';

/* A machine boots against a real fleet room and a boot server that hands out what a real one would. */

const mac = '52:54:00:aa:bb:01';
const incarnation = { bootId: 'b', id: 'f'.repeat(32) };
let folder: string;
let manager: SimManager;
let claims: ClaimRequest[];
let refusals: string[];
const servers: Server[] = [];

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** The kernel command line that this boot server gives. */
async function bootServer(): Promise<string> {
  const token = await manager.token({ roles: ['boot'] });
  const identity = await enrolSim({ home: join(folder, 'boot1'), manager: manager.address, token, name: 'boot1' });
  const { authority } = manager.fleet;
  const http = await listen(createServer((_request, response) => response.end(identity.authority)));
  const https = await listen(
    createSecureServer({ key: identity.key, cert: identity.certificate }, (request, response) => {
      request.on('data', (text: Buffer) => {
        const claim = JSON.parse(text.toString()) as ClaimRequest;
        claims.push(claim);
        const refusal = refusals.shift();
        if (refusal !== undefined) {
          response.writeHead(403).end(refusal);
          return;
        }
        const issuedAt = Date.now();
        const payload = { ...claim, node: 'n01', server: 'boot1', id: randomBytes(16).toString('hex') };
        const boot = signBootToken({ ...payload, issuedAt, expiresAt: issuedAt + 60_000 }, identity.key);
        response.end(JSON.stringify({ node: 'n01', token: boot, manager: manager.address }));
      });
    }),
  );
  const words = [`hostler.server=http://127.0.0.1:${http}`, `hostler.secure=https://127.0.0.1:${https}`];
  return [...words, `hostler.ca=${authority.fingerprint}`, 'hostler.node=n01'].join(' ');
}

const options = (commandLine: string): BootOptions => ({
  home: join(folder, 'node'),
  commandLine,
  mac,
  log: { info: () => {}, warn: () => {} },
  signal: AbortSignal.timeout(30_000),
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hostler-boot-'));
  claims = [];
  refusals = [];
  manager = await SimManager.start({ home: join(folder, 'm'), tcp: { host: '127.0.0.1', port: 0 } });
  const info = { user: 'root', command: 'nodeset', correlation: 'c', at: 0 };
  const values = { 'nodelist.node': 'n01', 'chain.currstate': 'netboot debian12-x86_64-compute', 'mac.mac': mac };
  await manager.registry.commit(info, [{ type: 'node', name: 'n01', values }]);
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await manager.stop();
  await rm(folder, { recursive: true, force: true });
});

test('a machine proves its boot and becomes its node; a refusal is waited out; a restarted agent claims nothing', async () => {
  const commandLine = await bootServer();
  refusals.push('n01 is not to boot an image');
  const first = await enrolBooted(options(commandLine), incarnation);
  expect(first).toMatchObject({ name: 'n01', roles: ['node'], manager: manager.address });
  expect(claims).toHaveLength(2);
  expect(claims[0]).toMatchObject({ mac });
  await first.stop();
  const again = await enrolBooted(options(commandLine), incarnation);
  expect(claims).toHaveLength(2);
  expect(again.identity().certificate).toBe(first.identity().certificate);
  await again.stop();
});

test.each([
  [
    'that of a service node serves',
    '{"mode":"stay","roles":["boot","store","relay","control","node"]}',
    'service',
    true,
  ],
  ['an ordinary one does not, on the same node', '{"mode":"stay"}', 'service', false],
  [
    'that of a service node does not, on a node that is none',
    '{"mode":"stay","roles":["boot","store"]}',
    'compute',
    false,
  ],
])(
  'an image: %s',
  async (_, text, profile, serves) => {
    const commandLine = await bootServer();
    const info = { user: 'root', command: 'nodeset', correlation: 'c', at: 0 };
    await manager.registry.commit(info, [
      { type: 'osimage', name: 'img', values: { 'osimage.imagename': 'img', 'osimage.profile': profile } },
      { type: 'node', name: 'n01', values: { 'nodetype.provmethod': 'img' } },
    ]);
    const image = join(folder, 'image');
    await mkdir(join(image, 'opt/hostler'), { recursive: true });
    await writeFile(join(image, 'opt/hostler/agent.json'), text);
    const stop = new AbortController();
    const { home } = options(commandLine);
    const settings = imageSettings(image);
    const place = join(folder, 'disk/store');
    await placeStore(home, settings.roles, place);
    await placeStore(home, settings.roles, place);
    expect(existsSync(place)).toBe(settings.roles.includes('store'));
    const life = runAgent({
      ...{ home, installDir: join(home, 'install'), tftpDir: join(home, 'tftpboot') },
      ...{ roles: settings.roles, once: false, serve: [], kinds: [], signal: stop.signal },
      log: openLog({ file: join(folder, 'agent.log'), level: 'info', program: 'hostler' }),
      enrol: (life) => enrolBooted(options(commandLine), life),
    });
    try {
      const known = () =>
        manager.fleet.admin.agents().find(({ name, state }) => name === 'n01' && state === 'connected');
      await until('the node is there', () => known() !== undefined);
      expect(known()?.roles).toEqual(profile === 'service' ? [...serviceNodeRoles] : ['node']);
      expect(existsSync(join(home, 'store.sock'))).toBe(serves);
      if (serves) {
        const file = join(folder, 'blob');
        await writeFile(file, 'blob');
        await new BlobStore(home).putFile(file, 'copy');
        expect(readdirSync(join(place, 'blobs'))).toHaveLength(1);
      }
    } finally {
      stop.abort();
      await life;
    }
  },
  60_000,
);

test('an authority that the kernel command line does not name is never believed', async () => {
  const commandLine = (await bootServer()).replace(/hostler\.ca=\S+/, `hostler.ca=${'0'.repeat(64)}`);
  const stop = AbortSignal.timeout(700);
  await expect(enrolBooted({ ...options(commandLine), signal: stop }, incarnation)).rejects.toThrow();
  expect(claims).toEqual([]);
});
