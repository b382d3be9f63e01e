import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { download } from '../../../../agent/store/client.ts';
import { StoreServer } from '../../../../agent/store/server.ts';
import { Upstream } from '../../../../agent/store/upstream.ts';
import type { TlsIdentity } from '../../../../shared/identity/tls.ts';
import { storePaths, type StoreAccess } from '../../../../shared/task/blob.ts';
import { createTestAuthority } from '../../../lab/pki.ts';

/* The site's store, that of a service node, and a node that reaches only the second. */

let dir: string;
let site: StoreServer;
let own: StoreServer;
let node: TlsIdentity;
let told: StoreAccess | undefined;
const logs: string[] = [];

async function storeOf(name: string, identity: TlsIdentity, more: object = {}): Promise<StoreServer> {
  const home = join(dir, name);
  const install = { home, installDir: join(home, 'install'), share: join(home, 'share') };
  const server = new StoreServer({ ...install, identity: () => identity, log: (line) => logs.push(line), ...more });
  await server.listenTcp([{ host: '127.0.0.1', port: 0 }]);
  return server;
}

async function script(store: string, root: 'install' | 'share', name: string, text: string): Promise<void> {
  const folder = join(dir, store, root, 'postscripts');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), text);
}

async function fetched(name: string): Promise<string> {
  const file = join(dir, 'fetched');
  const access = { agent: 'sn1', endpoints: own.endpoints() };
  const signal = AbortSignal.timeout(30_000);
  await download(access, storePaths.postscript(name), file, { identity: node, signal });
  return readFile(file, 'utf8');
}

/** As if nobody had asked for it for a while. */
async function grownOld(name: string): Promise<void> {
  const before = new Date(Date.now() - 3_600_000);
  await utimes(join(dir, 'sn1/upstream/postscripts', name), before, before);
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hostler-up-'));
  const authority = await createTestAuthority();
  const service = await authority.issue('sn1', { kind: 'node', roles: ['boot', 'store', 'node'] });
  node = await authority.issue('n01', { kind: 'node', roles: ['node'] });
  site = await storeOf('mn', await authority.issue('mn', { roles: ['boot', 'store'] }));
  told = { agent: 'mn', endpoints: site.endpoints() };
  const folder = join(dir, 'sn1/upstream');
  const upstream = new Upstream({
    folder,
    access: () => told,
    identity: () => service,
    log: (line) => logs.push(line),
  });
  own = await storeOf('sn1', service, { upstream });
});
afterEach(async () => {
  await own.stop();
  await site.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('postscripts that a service node hands out', () => {
  it('its own, then the site’s, then those of the product', async () => {
    for (const name of ['a', 'b', 'c']) await script('sn1', 'share', name, `${name} of the product`);
    for (const name of ['a', 'b']) await script('mn', 'install', name, `${name} of the site`);
    await script('sn1', 'install', 'a', 'a of its own');
    expect(await Promise.all(['a', 'b', 'c'].map(async (name) => fetched(name)))).toHaveLength(3);
    expect(await fetched('a')).toBe('a of its own');
    expect(await fetched('b')).toBe('b of the site');
    expect(await fetched('c')).toBe('c of the product');
    await expect(fetched('d')).rejects.toMatchObject({ code: 'not_found' });
    told = undefined;
    await expect(fetched('b')).resolves.toBe('b of the product');
  });

  it('a new one when the site has a new one, and the last one known while the site cannot be asked', async () => {
    await script('mn', 'install', 'x', 'first');
    expect(await fetched('x')).toBe('first');
    await script('mn', 'install', 'x', 'second');
    await grownOld('x');
    expect(await fetched('x')).toBe('second');
    await grownOld('x');
    told = { agent: 'another', endpoints: site.endpoints() };
    expect(await fetched('x')).toBe('second');
    expect(logs.join('\n')).toContain('x is handed out as it was before');
    told = { agent: 'mn', endpoints: site.endpoints() };
    await rm(join(dir, 'mn/install/postscripts/x'));
    await expect(fetched('x')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('only names of postscripts are asked for elsewhere', async () => {
    await mkdir(join(dir, 'mn/install/postscripts'), { recursive: true });
    await writeFile(join(dir, 'mn/install/secret'), 'secret');
    for (const name of ['../secret', '..%2fsecret', '.hidden'])
      await expect(fetched(name)).rejects.toMatchObject({ code: 'not_found' });
  });
});
