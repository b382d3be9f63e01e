// bound: 300 s
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captureReceive } from '../../agent/tasks/clone/capture/receive.ts';
import { captureSend } from '../../agent/tasks/clone/capture/send.ts';
import { serveClassic } from '../../agent/tasks/clone/systemimager/classic.ts';
import { cloneCluster } from '../../agent/tasks/clone/systemimager/files.ts';
import { processFailure } from '../../shared/process/failure.ts';
import { run } from '../../shared/process/run.ts';
import type { CaptureClassicResult } from '../../shared/task/capture-classic.ts';
import { GoldenEnds, type Captured } from '../lab/golden-ends.ts';
import { lvm } from '../unit/shared/layout/samples.ts';

/*
 * SystemImager: a real rsync client asks for exactly what si_getimage asks for, a stand-in takes the place of
 * si_prepareclient.
 */

let ends: GoldenEnds;
let root: string;
const standIns = fileURLToPath(new URL('../lab/systemimager', import.meta.url));

beforeAll(async () => {
  ends = await GoldenEnds.start();
  root = await ends.machine('machine');
});
afterAll(() => ends.stop());

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** What si_getimage does, by its own options (facts, section 4.2). */
async function getImage(port: number, into: string): Promise<void> {
  const from = (module: string): string => `rsync://127.0.0.1:${port}/${module}`;
  await mkdir(join(into, 'etc/systemimager'), { recursive: true });
  await run('rsync', ['-aL', from('root/etc/systemimager/mounted_filesystems'), `${into}/etc/systemimager/`]);
  const mounted = await readFile(join(into, 'etc/systemimager/mounted_filesystems'), 'utf8');
  const known = /^(?:ext[234]|reiserfs|jfs|xfs|vfat|fat)$/;
  const excludes = mounted
    .split('\n')
    .map((line) => line.split(' '))
    .filter((words) => words.length > 4 && !known.test(words[4] ?? ''))
    .map((words) => `--exclude=${words[2] ?? ''}/*`);
  const options = ['-aHS', '--numeric-ids', '--delete', '--delete-excluded', ...excludes];
  await run('rsync', [...options, `${from('root')}/`, `${into}/`]);
  await run('rsync', [from('__cloning_completed__')], { allowExit: 'any' });
}

interface Serving {
  readonly over: Promise<CaptureClassicResult>;
  readonly stop: AbortController;
}

describe('the classic mode', { timeout: 60_000 }, () => {
  async function serve(port: number, server = '127.0.0.1'): Promise<Serving> {
    const stop = new AbortController();
    const context = ends.context('golden1', {}, stop.signal);
    const mounted = '/dev/sda1 on / type ext4 (rw)\nproc on /proc type proc (rw)\ntmpfs on /tmp type tmpfs (rw)\n';
    const over = serveClassic({ server, port }, { root, layout: lvm, mounted, address: '127.0.0.1' }, context);
    over.catch(() => {}); // looked at by the tests
    for (let tries = 0; tries < 100 && !(await isOpen(port)); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
    return { over, stop };
  }

  it('lets a real client fetch the machine as si_getimage does, then closes, and leaves nothing behind', async () => {
    const port = await freePort();
    const { over } = await serve(port);
    const into = join(ends.dir, 'fetched');
    await getImage(port, into);
    expect((await over).address).toBe('127.0.0.1');
    expect(await isOpen(port)).toBe(false);
    expect(await readFile(join(into, 'srv/one'), 'utf8')).toBe('linked\n');
    expect(await readFile(join(into, 'etc/systemimager/autoinstallscript.conf'), 'utf8')).toContain('<config>');
    expect(await readdir(join(into, 'tmp'))).toEqual([]);
    // What makes the machine that machine is not there for anybody, our own key least of all.
    for (const path of ['var/lib/hostler', 'etc/machine-id', 'etc/ssh/ssh_host_ed25519_key'])
      await expect(stat(join(into, path))).rejects.toThrow();
    await expect(stat(join(root, 'etc/systemimager'))).rejects.toThrow();
  });

  it('answers one address alone, whose word alone means the end', async () => {
    const port = await freePort();
    const { over, stop } = await serve(port, '192.0.2.1');
    const asked = run('rsync', [`rsync://127.0.0.1:${port}/root/`]);
    const refused = await asked.then(
      () => '',
      (error: unknown) => processFailure(error)?.stderr ?? processFailure(error)?.stdout ?? '',
    );
    expect(refused).toContain('access denied');
    await run('rsync', [`rsync://127.0.0.1:${port}/__cloning_completed__`], { allowExit: 'any' });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await isOpen(port)).toBe(true);
    stop.abort(new Error('enough'));
    await expect(over).rejects.toThrow();
    expect(await isOpen(port)).toBe(false);
    await expect(stat(join(root, 'etc/systemimager'))).rejects.toThrow();
  });
});

describe('site.sysclonemethod=systemimager', { timeout: 120_000 }, () => {
  const path = process.env['PATH'];
  afterAll(() => {
    process.env['PATH'] = path;
    delete process.env['STANDIN_ROOT'];
  });

  async function capture(ticket: string): Promise<Captured> {
    const mounts = [{ at: '/', from: '/' }];
    const more = { method: 'systemimager' };
    const stop = new AbortController();
    const store = { agent: 'images', endpoints: ends.endpoints() };
    const sending = captureSend.run(ends.context('golden1', { ticket, store, mounts, ...more }, stop.signal));
    const failed = sending.then(
      () => new Promise<never>(() => {}),
      (error: unknown) => Promise.reject(error as Error),
    );
    const receive = { ...ends.receiveSpec(ticket, mounts), ...more, foreign: ['/data'] };
    const end = new AbortController();
    const receiving = captureReceive.run(ends.context('images', receive, end.signal));
    receiving.catch(() => {});
    try {
      return (await Promise.race([receiving, failed])) as unknown as Captured;
    } finally {
      end.abort(new Error('over'));
      stop.abort(new Error('over'));
      await sending.catch(() => {});
      await receiving.catch(() => {});
    }
  }

  it('says what to do where there is none', async () => {
    await expect(capture('51'.repeat(16))).rejects.toThrow(/has no si_prepareclient. Install systemimager-client/);
  });

  it('runs it where it sees no rsync of others, fetches from its daemon alone, and tells it the end', async () => {
    process.env['PATH'] = `${standIns}:${path ?? ''}`;
    process.env['STANDIN_ROOT'] = root;
    await writeFile(join(root, 'data/foreign'), 'another machine\n');
    // An rsync that the real program would send SIGHUP.
    const port = await freePort();
    const config = join(ends.dir, 'other.conf');
    await writeFile(config, `port = ${port}\naddress = 127.0.0.1\nuse chroot = no\n`);
    const stop = new AbortController();
    const other = run('rsync', ['--daemon', '--no-detach', `--config=${config}`], { signal: stop.signal }).then(
      () => 'ended',
      () => 'stopped',
    );
    const captured = await capture('52'.repeat(16));
    expect(await isOpen(port)).toBe(true);
    stop.abort(new Error('enough'));
    expect(await other).toBe('stopped');
    expect(await isOpen(873)).toBe(false);
    expect(captured.capture.files).toBeGreaterThan(5);
    expect(await readFile(`${root}.completed`, 'utf8')).toBe('over\n');
    expect(await readFile(join(ends.tree, 'srv/one'), 'utf8')).toBe('linked\n');
    expect((await run('getcap', [join(ends.tree, 'srv/able')])).stdout).toContain('cap_net_raw');
    await expect(stat(join(ends.tree, 'data/foreign'))).rejects.toThrow();
    await expect(stat(join(ends.tree, 'etc/machine-id'))).rejects.toThrow();
  });
});

it('cluster.txt and the folders are where SystemImager looks for them', async () => {
  const spec = { tree: ends.tree, nodes: [{ host: 'n1', groups: ['compute', 'all'], image: 'img' }] };
  await cloneCluster.run(ends.context('images', spec));
  const above = join(ends.dir, 'sysclone');
  expect(await readFile(join(above, 'scripts/cluster.txt'), 'utf8')).toMatch(/\nn1:compute:img:\n$/);
  expect((await readdir(above)).sort()).toEqual(['images', 'overrides', 'scripts']);
  expect(await readdir(join(above, 'overrides'))).toEqual(['img']);
  expect(await readdir(join(above, 'scripts'))).toEqual(expect.arrayContaining(['post-install', 'pre-install']));
  expect(await readFile(join(ends.tree, 'etc/systemimager/mounted_filesystems'), 'utf8')).toMatch(/ on \/ type /);
  await rm(`${root}.completed`, { force: true });
});
