// bound: 300 s
import { randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLine } from '../../agent/tasks/clone/capture/line.ts';
import { clonePack } from '../../agent/tasks/clone/pack.ts';
import { Lines } from '../../agent/tasks/clone/sync/fetch.ts';
import { cloneServe } from '../../agent/tasks/clone/sync/serve.ts';
import { cloneSync } from '../../agent/tasks/clone/sync/sync.ts';
import { run } from '../../shared/process/run.ts';
import type { CloneSyncResult } from '../../shared/task/clone-sync.ts';
import { differencesOf, GoldenEnds, type Captured } from '../lab/golden-ends.ts';

/* `updatenode -S`: a folder in place of a node's root, another in place of the golden client's; real rsyncs over TLS. */

let ends: GoldenEnds;
let root: string;
let node: string;
let version: Captured;

beforeAll(async () => {
  ends = await GoldenEnds.start();
  root = await ends.machine('machine');
  await ends.join('n1', ['node']);
  await ends.join('n2', ['node']);
  version = (await ends.capture('a1'.repeat(16), [{ at: '/', from: root }])).result;
  node = join(ends.dir, 'node-root');
  await run('cp', ['--archive', ends.tree, node]);
  await own('etc/machine-id', '00c0ffee00c0ffee00c0ffee00c0ffee\n');
  await own('etc/hostname', 'n1\n');
  await own('etc/fstab', 'UUID=new / ext4 defaults 0 1\n');
  await own('etc/ssh/ssh_host_ed25519_key', 'own key\n');
  await own('etc/hosts', '127.0.1.1 n1\n');
  await own('boot/grub/grub.cfg', 'own ids\n');
  await own('opt/hostler/hostler-agent', 'own agent\n');
  await own('var/lib/hostler/installed.json', '{"image":"0000","node":"n1"}\n');
  await own('var/log/messages', 'own log\n');
  await own('srv/site.local/kept', 'own\n');
  await own('etc/systemimager/updateclient.local.exclude', '# ours\n/srv/site.local\nnot absolute\n');
});
afterAll(() => ends.stop());

async function own(path: string, text: string): Promise<void> {
  await mkdir(join(node, path, '..'), { recursive: true });
  await rm(join(node, path), { force: true });
  await writeFile(join(node, path), text);
}

const text = (path: string): Promise<string> => readFile(join(node, path), 'utf8');

/** What belongs to the node, as it was made above. */
async function expectOwn(): Promise<void> {
  expect(await text('etc/machine-id')).toMatch(/^00c0ffee/);
  expect(await text('etc/hostname')).toBe('n1\n');
  expect(await text('etc/fstab')).toContain('UUID=new');
  expect(await text('etc/ssh/ssh_host_ed25519_key')).toBe('own key\n');
  expect(await text('etc/hosts')).toBe('127.0.1.1 n1\n');
  expect(await text('boot/grub/grub.cfg')).toBe('own ids\n');
  expect(await text('opt/hostler/hostler-agent')).toBe('own agent\n');
  expect(await text('var/log/messages')).toBe('own log\n');
  expect(await text('srv/site.local/kept')).toBe('own\n');
}

describe('updatenode -S on a clone', { timeout: 120_000 }, () => {
  it('takes what a recapture brought, removes what went, and touches nothing of the node', async () => {
    await writeFile(join(root, 'srv/new'), 'new\n');
    await rm(join(root, 'srv/able'));
    await appendFile(join(root, 'usr/bin/large'), 'more');
    await run('setfacl', ['-m', 'u:2:r', join(root, 'srv/one')]);
    version = (await ends.capture('a2'.repeat(16), [{ at: '/', from: root }])).result;
    await own('srv/stray', 'not in the image\n');
    const result = await ends.sync('n1', ['compute'], version, node);
    expect(result).toMatchObject({ restart: false, deleted: 2 });
    expect(result.paths.map((line) => line.replace(/^\S+ /, '')).sort()).toEqual([
      'srv/able',
      'srv/new',
      'srv/one',
      'srv/stray',
      'usr/bin/large',
    ]);
    // The changed end of a large file, not the file.
    expect(result.bytes).toBeLessThan(200_000);
    expect(await text('srv/new')).toBe('new\n');
    await expect(stat(join(node, 'srv/stray'))).rejects.toThrow();
    expect((await run('getfacl', ['-cp', join(node, 'srv/one')])).stdout).toMatch(/user:(?:bin|2):r/);
    await expectOwn();
    expect(JSON.parse(await text('var/lib/hostler/installed.json'))).toEqual({
      image: version.root.digest,
      node: 'n1',
    });
  });

  it('finds nothing to do a second time', async () => {
    expect(await ends.sync('n1', ['compute'], version, node)).toMatchObject({ changed: 0, deleted: 0, paths: [] });
  });

  it('lays the overrides of the node and of its groups in their order, and hands out no other', async () => {
    const overrides = join(ends.dir, 'sysclone/overrides');
    const put = async (name: string, path: string, content: string): Promise<void> => {
      await mkdir(join(overrides, name, path, '..'), { recursive: true });
      await writeFile(join(overrides, name, path), content);
    };
    await put('global', 'etc/motd', 'global\n');
    await put('global', 'srv/shared/a', 'global\n');
    await put('compute', 'etc/motd', 'compute\n');
    await put('gpu', 'etc/motd', 'gpu\n');
    await put('n1', 'etc/n1.secret', 'secret of n1\n');
    await put('n2', 'etc/n2.secret', 'secret of n2\n');
    await chmod(join(overrides, 'compute/etc'), 0o700);
    const packed = (await clonePack.run(ends.context('images', ends.packSpec()))) as unknown as Captured;
    const before = (await stat(join(node, 'etc'))).mode;
    // gpu is the first, and so the most important, of its groups.
    const result = await ends.sync('n1', ['gpu', 'compute'], packed, node);
    expect(await text('etc/motd')).toBe('gpu\n');
    expect(await text('srv/shared/a')).toBe('global\n');
    expect(await text('etc/n1.secret')).toBe('secret of n1\n');
    await expect(stat(join(node, 'etc/n2.secret'))).rejects.toThrow();
    expect((await stat(join(node, 'etc'))).mode).toBe(before);
    expect(result.changed).toBeGreaterThan(0);
    const again = await ends.sync('n1', ['gpu', 'compute'], packed, node);
    expect(again.paths.filter((line) => !line.includes('etc/motd'))).toEqual([]);
    await expectOwn();
    version = packed;
  });

  it('leaves the rest of the tree as the image has it', async () => {
    const differ = await differencesOf(ends.tree, node);
    expect(differ.filter((path) => !/^(?:etc|boot|opt|var|srv\/site|srv\/shared)/.test(path))).toEqual([]);
  });

  it('lets nobody read with the ticket of another node', async () => {
    const stop = AbortSignal.timeout(3_000);
    const ticket = 'ee'.repeat(16);
    const takers = [{ node: 'n1', groups: [], ticket }];
    const spec = { version: ends.versionSpec(version), pieces: version.files?.digest ?? '', takers };
    const serving = cloneServe.run(ends.context('images', spec, stop)).catch((error: unknown) => error);
    const store = { agent: 'images', endpoints: ends.endpoints() };
    let answer: unknown = 'over';
    for (let tries = 0; tries < 40 && answer === 'over'; tries += 1) {
      answer = await openLine({ ticket, store }, ends.context('n2', {}));
      await delay(50);
    }
    expect(answer).toBe('it answers 403');
    await serving;
  });
});

describe('updatenode -S of many', { timeout: 120_000 }, () => {
  const nodes = Array.from({ length: 11 }, (_, at) => `m${at + 1}`);
  const ticketOf = (node: string): string => Buffer.from(node.padEnd(16, '.')).toString('hex');
  const rootOf = (name: string): string => join(ends.dir, 'roots', name);

  /** All of them against one task that serves, until they have ended. `silent`: a node that opens its line and no more. */
  async function syncAll(
    names: readonly string[],
    endpoints: readonly string[],
    silent?: string,
  ): Promise<{ results: CloneSyncResult[]; logs: string[] }> {
    const stop = new AbortController();
    const all = silent === undefined ? names : [silent, ...names];
    const takers = all.map((name) => ({ node: name, groups: [], ticket: ticketOf(name) }));
    const spec = { version: ends.versionSpec(version), pieces: version.files?.digest ?? '', takers };
    const serving = cloneServe.run(ends.context('images', spec, stop.signal)).catch((error: unknown) => error);
    const store = { agent: 'images', endpoints };
    let line: Duplex | string = 'over';
    try {
      for (let tries = 0; silent !== undefined && typeof line === 'string' && tries < 200; tries += 1) {
        line = await openLine({ ticket: ticketOf(silent), store }, ends.context(silent, {}));
        await delay(50);
      }
      const contexts = names.map((name) => {
        const asked = { image: 'img', root: version.root.digest, ticket: ticketOf(name), store, target: rootOf(name) };
        return ends.context(name, asked);
      });
      const results = await Promise.all(contexts.map((context) => cloneSync.run(context) as Promise<CloneSyncResult>));
      expect(silent === undefined || (typeof line !== 'string' && !line.destroyed)).toBe(true);
      return { results, logs: contexts.flatMap(({ lines }) => lines) };
    } finally {
      if (typeof line !== 'string') line.destroy();
      stop.abort(new Error('over'));
      await serving;
    }
  }

  beforeAll(async () => {
    for (const name of [...nodes, 'silent']) {
      await ends.join(name, ['node']);
      await mkdir(rootOf(name), { recursive: true });
      await run('cp', ['--archive', `${node}/.`, rootOf(name)]);
    }
    await writeFile(join(ends.tree, 'srv/payload'), randomBytes(8_000_000));
    version = (await clonePack.run(ends.context('images', ends.packSpec()))) as unknown as Captured;
  });

  it('brings all to the image, more of them than are served at a time, while one says nothing on its line', async () => {
    const { results } = await syncAll(nodes, ends.endpoints(), 'silent');
    for (const { paths } of results) expect(paths.join('\n')).toContain(' srv/payload');
    const payload = await readFile(join(ends.tree, 'srv/payload'));
    for (const name of nodes) expect((await readFile(join(rootOf(name), 'srv/payload'))).equals(payload)).toBe(true);
  });

  it('goes on with what is there when lines break, and tells it', async () => {
    // Cuts each of the first lines after some of the payload went through.
    const [endpoint = ''] = ends.endpoints();
    const port = Number(new URL(endpoint).port);
    let cuts = 3;
    const proxy = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      let passed = 0;
      far.on('data', (piece: Buffer) => {
        passed += piece.length;
        if (passed < 2_000_000 || cuts === 0) return;
        cuts -= 1;
        near.resetAndDestroy();
        far.resetAndDestroy();
      });
      near.pipe(far).pipe(near);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    try {
      const name = nodes[0] ?? '';
      await writeFile(join(rootOf(name), 'srv/payload'), 'nothing of it');
      const through = `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const { results, logs } = await syncAll([name], [through]);
      expect(cuts).toBe(0);
      expect(logs.filter((line) => /the line to images broke \(rsync \d+\); going on/.test(line)).length).toBe(3);
      expect(results[0]?.changed).toBeGreaterThan(0);
      expect(
        (await readFile(join(rootOf(name), 'srv/payload'))).equals(await readFile(join(ends.tree, 'srv/payload'))),
      ).toBe(true);
    } finally {
      proxy.close();
    }
  });

  it('does not wait for a line whose rsync has ended while nobody served it', async () => {
    const spec = {
      ...{ image: 'img', root: version.root.digest, ticket: 'dd'.repeat(16), target: '' },
      store: { agent: 'images', endpoints: ends.endpoints() },
    };
    const context = ends.context('n1', spec);
    const lines = new Lines(spec, context);
    await lines.open();
    const local = connect(join(context.home, 'dddddddd.c'));
    await new Promise((resolve) => local.once('connect', resolve));
    local.write('@RSYNCD: 31.0\n');
    local.destroy();
    let closed = false;
    const closing = lines.close().then(() => (closed = true));
    await Promise.race([closing, delay(20_000)]);
    expect(closed).toBe(true);
  });
});
