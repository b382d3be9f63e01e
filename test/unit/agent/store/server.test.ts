import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:net';
import { Readable, type Duplex } from 'node:stream';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { download, upload } from '../../../../agent/store/client.ts';
import { StoreServer, storeSocket } from '../../../../agent/store/server.ts';
import type { TlsIdentity } from '../../../../shared/identity/tls.ts';
import type { StoreAccess } from '../../../../shared/task/blob.ts';
import { createTestAuthority } from '../../../lab/pki.ts';

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
const image = randomBytes(3_000_000);

let dir: string;
let server: StoreServer;
let access: StoreAccess;
let builder: TlsIdentity;
let node: TlsIdentity;
let reader: TlsIdentity;
let serviceNode: TlsIdentity;
let stranger: TlsIdentity;
const signal = AbortSignal.timeout(60_000);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hostler-store-'));
  const authority = await createTestAuthority();
  const own = await authority.issue('store1', { roles: ['store'] });
  builder = await authority.issue('build1', { roles: ['build'] });
  reader = await authority.issue('boot2', { roles: ['boot'] });
  node = await authority.issue('n01', { kind: 'node', roles: ['node'] });
  serviceNode = await authority.issue('sn1', { kind: 'node', roles: ['boot', 'store', 'node'] });
  stranger = await (await createTestAuthority()).issue('build1', { roles: ['build'] });
  await mkdir(join(dir, 'install', 'postscripts', 'sub'), { recursive: true });
  await writeFile(join(dir, 'install', 'postscripts', 'sub', 'hello'), '#!/bin/sh\n');
  await writeFile(join(dir, 'install', 'secret'), 'secret');
  await symlink(join(dir, 'install', 'secret'), join(dir, 'install', 'postscripts', 'escape'));
  server = new StoreServer({
    home: dir,
    installDir: join(dir, 'install'),
    identity: () => own,
    log: () => undefined,
  });
  await server.listenUnix();
  await server.listenTcp([{ host: '127.0.0.1', port: 0 }]);
  access = { agent: 'store1', endpoints: server.endpoints() };
});
afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

/** One request over the unix socket; status and body. */
function ask(
  method: string,
  path: string,
  identity: TlsIdentity | undefined,
  options: { headers?: Record<string, string>; body?: Buffer } = {},
): Promise<{ status: number; body: Buffer; headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((resolve, reject) => {
    const one = request(
      {
        socketPath: join(dir, 'store.sock'),
        method,
        path,
        headers: options.headers ?? {},
        ...(identity && { key: identity.key, cert: identity.certificate }),
        rejectUnauthorized: false,
        agent: false,
      },
      (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => pieces.push(piece));
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(pieces), headers: answer.headers }),
        );
      },
    );
    one.on('error', reject);
    one.end(options.body);
  });
}

describe('the store', () => {
  it('takes an upload and gives it back, over either address', async () => {
    const file = join(dir, 'image');
    await writeFile(file, image);
    const blob = await upload(access, file, { identity: builder, signal });
    expect(blob).toEqual({ digest: sha256(image), bytes: image.length });
    for (const endpoint of access.endpoints) {
      const target = join(dir, 'got');
      await download({ agent: 'store1', endpoints: [endpoint] }, `/blobs/${blob.digest}`, target, {
        identity: reader,
        signal,
        digest: blob.digest,
      });
      expect(sha256(await readFile(target))).toBe(blob.digest);
      await rm(target);
    }
  });

  it('resumes a download from what is there, and starts again when that was wrong', async () => {
    const { digest } = await server.blobs.putStream(Readable.from([image]));
    const target = join(dir, 'resumed');
    const seen: number[] = [];
    await writeFile(`${target}.part`, image.subarray(0, 2_000_000));
    await download(access, `/blobs/${digest}`, target, {
      identity: reader,
      signal,
      digest,
      onProgress: (done) => seen.push(done),
    });
    expect(seen[0]).toBeGreaterThan(2_000_000);
    await writeFile(`${target}.part`, randomBytes(1_000_000));
    await download(access, `/blobs/${digest}`, target, { identity: reader, signal, digest });
    expect(sha256(await readFile(target))).toBe(digest);
  });

  it('resumes an upload', async () => {
    const data = randomBytes(500_000);
    const digest = sha256(data);
    const path = `/blobs/${digest}`;
    const first = await ask('PUT', path, builder, {
      headers: { 'Content-Range': `bytes 0-199999/${data.length}` },
      body: data.subarray(0, 200_000),
    });
    expect([first.status, first.headers['upload-offset']]).toEqual([202, '200000']);
    const gap = await ask('PUT', path, builder, {
      headers: { 'Content-Range': `bytes 300000-499999/${data.length}` },
      body: data.subarray(300_000),
    });
    expect([gap.status, gap.headers['upload-offset']]).toEqual([409, '200000']);
    const seen: number[] = [];
    await writeFile(join(dir, 'half'), data);
    await upload(access, join(dir, 'half'), { identity: builder, signal, onProgress: (done) => seen.push(done) });
    expect(seen[0]).toBeGreaterThan(200_000);
    expect(await server.blobs.verify(digest)).toBe(true);
  });

  it('drops an upload whose content is not what its digest says', async () => {
    const digest = sha256(Buffer.from('right'));
    const answer = await ask('PUT', `/blobs/${digest}`, builder, { body: Buffer.from('wrong') });
    expect(answer.status).toBe(422);
    expect(await server.blobs.size(digest)).toBeUndefined();
    expect(await server.blobs.partialSize(digest)).toBe(0);
  });

  it('answers ranges', async () => {
    const { digest } = await server.blobs.putStream(Readable.from([image]));
    const answer = await ask('GET', `/blobs/${digest}`, reader, { headers: { Range: 'bytes=10-19' } });
    expect([answer.status, answer.headers['content-range']]).toEqual([206, `bytes 10-19/${image.length}`]);
    expect(answer.body).toEqual(image.subarray(10, 20));
  });

  it('lets nobody in without a certificate of this cluster, and only builders write', async () => {
    const { digest } = await server.blobs.putStream(Readable.from([image]));
    expect((await ask('GET', `/blobs/${digest}`, undefined)).status).toBe(403);
    expect((await ask('GET', `/blobs/${digest}`, stranger)).status).toBe(403);
    const body = Buffer.from('new');
    expect((await ask('PUT', `/blobs/${sha256(body)}`, node, { body })).status).toBe(403);
    // A golden tree is content like any other, and no node may have it by its certificate alone.
    const kept = await server.blobs.putStream(Readable.from([Buffer.from('golden')]));
    expect((await ask('GET', `/blobs/${kept.digest}`, node)).status).toBe(403);
    // A service node may itself have booted from the network: what it serves it has to fetch.
    expect((await ask('GET', `/blobs/${kept.digest}`, serviceNode)).status).toBe(200);
    expect(await server.blobs.size(sha256(body))).toBeUndefined();
  });

  it('is refused by a client when it is another agent', async () => {
    const { digest } = await server.blobs.putStream(Readable.from([image]));
    const other = { agent: 'store2', endpoints: access.endpoints.slice(0, 1) };
    const options = { identity: reader, signal, digest };
    await expect(download(other, `/blobs/${digest}`, join(dir, 'no'), options)).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    await expect(readFile(join(dir, 'no'))).rejects.toThrow();
  });

  it('serves postscripts by name and nothing outside their folder', async () => {
    expect((await ask('GET', '/postscripts/sub/hello', node)).body.toString()).toBe('#!/bin/sh\n');
    for (const path of ['escape', '../secret', '%2e%2e/secret', 'sub/../../secret', 'sub', '..%2fsecret']) {
      expect((await ask('GET', `/postscripts/${path}`, node)).status).toBe(404);
    }
    expect((await ask('GET', '/blobs/../../etc/passwd', node)).status).toBe(404);
  });

  it('says at once what it does not have', async () => {
    const options = { identity: reader, signal, digest: '0'.repeat(64) };
    await expect(download(access, `/blobs/${'0'.repeat(64)}`, join(dir, 'no'), options)).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('says that another agent serves the same home', async () => {
    const second = new StoreServer({
      home: dir,
      installDir: dir,
      identity: () => builder,
      log: () => undefined,
    });
    await expect(second.listenUnix()).rejects.toMatchObject({ code: 'failed_precondition' });
  });

  it('ends at once, whatever is still connected: what said nothing yet, and what is no HTTP any more', async () => {
    const home = await mkdtemp(join(dir, 'other-'));
    const other = new StoreServer({
      home,
      installDir: home,
      identity: () => builder,
      log: () => undefined,
      upgrade: (_request, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
        return Promise.resolve();
      },
    });
    await other.listenUnix();
    const silent = connect(storeSocket(home));
    const one = request({
      socketPath: storeSocket(home),
      headers: { Connection: 'Upgrade', Upgrade: 'x' },
      key: builder.key,
      cert: builder.certificate,
      rejectUnauthorized: false,
      agent: false,
    });
    one.on('error', () => undefined).end();
    // Nobody reads on this side, so nobody learns of the end either.
    const upgraded = new Promise<Duplex>((resolve) => one.once('upgrade', (_answer, socket) => resolve(socket)));
    await Promise.all([upgraded, once(silent, 'connect')]);
    await other.stop();
    silent.destroy();
    (await upgraded).destroy();
  });
});
