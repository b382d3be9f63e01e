import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Boots } from '../../../../../agent/services/boot/boots.ts';
import { answerInstall } from '../../../../../agent/services/boot/install.ts';
import { Lookup } from '../../../../../agent/services/boot/lookup.ts';
import type { BootState } from '../../../../../agent/services/boot/state.ts';
import { BlobStore } from '../../../../../agent/store/blobs.ts';
import { signBootToken } from '../../../../../shared/identity/boot-token.ts';
import type { BootClone } from '../../../../../shared/task/boot-apply.ts';
import type { NodeEvent } from '../../../../../shared/task/node-events.ts';
import { disk, gib, plain } from '../../../shared/layout/samples.ts';

/* What a boot server tells machines that are to be installed, and which. */

const mac = '52:54:00:00:00:01';
const bootId = '11111111-2222-3333-4444-555555555555';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const content = randomBytes(50_000);
const own = randomBytes(100);
const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

let home: string;
let server: Server;
let boots: Boots;
let told: NodeEvent[];
let state: BootState;
let token: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hinstall-'));
  told = [];
  const store = new BlobStore(home);
  const put = async (bytes: Buffer): Promise<string> => {
    const digest = sha(bytes);
    await writeFile(join(home, 'piece'), bytes);
    await store.putFile(join(home, 'piece'), 'move');
    return digest;
  };
  const tree = await put(content);
  const pieces = await put(Buffer.concat([own, Buffer.from('of another node')]));
  const piece = (name: string, at: number, bytes: Buffer): object => {
    return { kind: 'override', name, at, bytes: bytes.length, digest: sha(bytes) };
  };
  const facts = {
    ...{ format: 1, image: 'img', tree: { digest: tree, bytes: content.length, files: 3 }, layout: plain },
    ...{ osvers: 'debian12', arch: 'x86_64', fstab: '', crypttab: '', network: 'none', mdadmConf: '', drivers: false },
    loader: { family: 'debian', bios: true, uefi: true, vendor: 'debian' },
    pieces: [piece('n1', 0, own), piece('n2', own.length, Buffer.from('of another node'))],
  };
  const clone: BootClone = {
    ...{ tree, treeBytes: content.length, facts: await put(Buffer.from(JSON.stringify(facts))), pieces },
    settings: {
      ...{ domain: '', bits: 24, gateway: '', nameservers: [], protect: ['sdb'], smaller: false, groups: [] },
      ...{ server: 'http://127.0.0.1', secure: 'https://127.0.0.1' },
    },
  };
  state = {
    ...{
      nodes: { n1: { macs: [mac], ip: '127.0.0.1', hostname: 'n1', profile: 'p', deploy: 'job1.n1' } },
      retired: {},
    },
    profiles: { p: { state: 'sysclone', ipxe: '', authorise: true, clone } },
    service: { networks: [], manager: 'm:1', authority: '', domain: '', nameservers: [] },
  } as unknown as BootState;
  const report = (event: NodeEvent): void => void told.push(event);
  boots = new Boots(home, report, () => undefined);
  await boots.saw({ mac, node: 'n1' }, { what: 'loader' });
  const answer = await boots.claim({ mac, node: 'n1' }, bootId);
  token = signed(answer.outcome === 'granted' ? answer.token : '');
  const parts = {
    boots,
    blobs: store,
    server: 'bs',
    key: () => pem,
    lookup: () => new Lookup(state),
    log: () => undefined,
  };
  server = createServer((request, response) => {
    void answerInstall(parts, request, response, new URL(request.url ?? '', 'http://x').pathname);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(home, { recursive: true, force: true });
});

function signed(id: string, more: object = {}, key = pem): string {
  const issuedAt = Date.now();
  const payload = { node: 'n1', mac, bootId, server: 'bs', id, issuedAt, expiresAt: issuedAt + 60_000, ...more };
  return signBootToken(payload, key);
}

function ask(path: string, options: { token?: string; body?: string; range?: string } = {}): Promise<Response> {
  const headers = {
    Authorization: `Bearer ${options.token ?? token}`,
    ...(options.range !== undefined && { Range: options.range }),
  };
  const { port } = server.address() as AddressInfo;
  const { body } = options;
  const method = body === undefined ? 'GET' : 'POST';
  return fetch(`http://127.0.0.1:${port}${path}`, { headers, method, ...(body !== undefined && { body }) });
}

const machine = (...disks: object[]): string => JSON.stringify({ firmware: plain.firmware, disks, groups: [] });
const plan = (...disks: object[]): Promise<Response> => ask('/clone/plan', { body: machine(...disks) });

it('gives the tree to the machine of this boot alone, from any byte on', async () => {
  const whole = await ask('/clone/tree');
  expect(sha(Buffer.from(await whole.arrayBuffer()))).toBe(sha(content));
  const rest = await ask('/clone/tree', { range: 'bytes=49000-' });
  expect(rest.status).toBe(206);
  expect(Buffer.from(await rest.arrayBuffer())).toEqual(content.subarray(49_000));
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
  for (const wrong of [
    'nothing',
    // Another's words with the signature of these.
    `${signed('x', { node: 'n2' }).split('.')[0] ?? ''}.${token.split('.')[1] ?? ''}`,
    signed('another boot'),
    signed('x', { server: 'another' }),
    signed('x', {}, other),
    signed('x', { mac: '52:54:00:00:00:02' }),
    signed('x', { node: 'n2' }),
  ]) {
    for (const path of ['/clone/tree', '/clone/plan', '/clone/enrolment', '/clone/piece', '/clone/done'])
      expect((await ask(path, { token: wrong })).status).toBe(403);
  }
});

it('hands out a piece to the node that it is for, and no other', async () => {
  const found = await ask(`/clone/piece?digest=${sha(own)}`);
  expect(Buffer.from(await found.arrayBuffer())).toEqual(own);
  expect((await ask(`/clone/piece?digest=${sha(Buffer.from('of another node'))}`)).status).toBe(404);
});

it('plans before anything is written, and says in whole sentences why it will not', async () => {
  const refused = await plan(disk('sda', gib), disk('sdb', 100 * gib));
  expect(refused.status).toBe(409);
  const why = (await refused.text()).trim();
  expect(why).toMatch(/sda \(1 GiB\): too small; sdb \(100 GiB\): protected \(protectdisk\)\. Nothing was written/);
  await plan(disk('sda', gib), disk('sdb', 100 * gib));
  expect(told.filter(({ stage }) => stage === 'failed')).toMatchObject([{ node: 'n1', detail: why, bootId }]);
  expect((await plan()).status).toBe(409);
  expect((await ask('/clone/plan', { body: 'no machine' })).status).toBe(409);
  const planned = await plan(disk('sda', 100 * gib), disk('sdb', 100 * gib));
  expect(planned.status).toBe(200);
  const script = await planned.text();
  expect(script).toContain('/dev/sda');
  expect(script).not.toContain('/dev/sdb');
});

it('begins again after a cut, says where it was, and is over once it was done', async () => {
  await plan(disk('sda', 100 * gib));
  expect((await ask('/clone/report', { body: 'text=filling%20it' })).status).toBe(200);
  expect(told.at(-1)).toMatchObject({ stage: 'installing', detail: 'filling it' });
  await plan(disk('sda', 100 * gib));
  expect(told.at(-1)).toMatchObject({
    detail: 'try 2: beginning again; the try before did not get beyond: filling it',
  });
  expect((await ask('/clone/done', { body: '' })).status).toBe(200);
  expect(told.at(-1)).toMatchObject({ stage: 'installed', node: 'n1' });
  const again = await ask('/clone/tree');
  expect(again.status).toBe(403);
  expect(await again.text()).toContain('n1 was installed already');
  expect((await plan(disk('sda', 100 * gib))).status).toBe(403);
});
