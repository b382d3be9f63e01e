// bound: 300 s
import { mkdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServices, type Services } from '../../agent/services/index.ts';
import { saveIdentity } from '../../agent/identity/identity-files.ts';
import { captureReceive } from '../../agent/tasks/clone/capture/receive.ts';
import { captureSend } from '../../agent/tasks/clone/capture/send.ts';
import type { TaskContext } from '../../agent/tasks/types.ts';
import { run } from '../../shared/process/run.ts';
import type { Json } from '../../shared/verb/effect.ts';
import { createTestAuthority } from '../lab/pki.ts';
import { lvm } from '../unit/shared/layout/samples.ts';

/*
 * The two ends of a capture on this machine: the golden client's side reads a folder in place of a machine's root, over
 * mutual TLS, by real rsyncs. Whole machines are captured in virtual machines.
 */

let dir: string;
let services: Services;
const goldenHome = (): string => join(dir, 'golden');
const storeHome = (): string => join(dir, 'store');

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hc-'));
  const authority = await createTestAuthority();
  await saveIdentity(goldenHome(), await authority.issue('golden1', { roles: ['golden'] }));
  await saveIdentity(join(dir, 'thief'), await authority.issue('thief', { roles: ['golden'] }));
  const identity = await authority.issue('images', { roles: ['store'] });
  await saveIdentity(storeHome(), identity);
  services = await startServices({
    name: 'images',
    roles: ['store'],
    home: storeHome(),
    installDir: join(dir, 'install'),
    tftpDir: join(dir, 'tftpboot'),
    identity: () => identity,
    serve: [{ host: '127.0.0.1', port: 0 }],
    report: () => undefined,
    log: () => undefined,
  });
});

afterAll(async () => {
  await services.stop();
  await rm(dir, { recursive: true, force: true });
});

function contextOf(
  home: string,
  id: string,
  spec: unknown,
  signal = AbortSignal.timeout(120_000),
): TaskContext & { lines: string[] } {
  const lines: string[] = [];
  mkdirSync(join(dir, `task-${id}`), { recursive: true });
  return {
    id,
    spec: spec as Json,
    dir: join(dir, `task-${id}`),
    home,
    installDir: join(dir, 'install'),
    tftpDir: join(dir, 'tftpboot'),
    correlation: 'test',
    signal,
    log: (line) => lines.push(line),
    progress: () => undefined,
    lines,
  };
}

/** A small machine: a root, and a file system that is mounted at /data. */
async function machine(): Promise<{ root: string; data: string }> {
  const root = join(dir, 'machine');
  const data = join(dir, 'machine-data');
  for (const folder of ['etc/ssh', 'boot', 'data', 'var/lib/hostler/agent', 'lib/modules/6.1.0/kernel', 'srv', 'tmp'])
    await mkdir(join(root, folder), { recursive: true });
  await mkdir(data);
  await writeFile(join(root, 'etc/fstab'), 'UUID=ABCD-1234 /boot/efi vfat defaults 0 2\n');
  await writeFile(join(root, 'etc/machine-id'), 'feedfacefeedfacefeedfacefeedface\n');
  await writeFile(join(root, 'etc/ssh/ssh_host_ed25519_key'), 'secret\n', { mode: 0o600 });
  await writeFile(join(root, 'var/lib/hostler/agent/identity.pem'), 'secret\n', { mode: 0o600 });
  await writeFile(join(root, 'data/below'), 'below the mount point\n');
  await writeFile(join(root, 'tmp/worthless'), 'x');
  await writeFile(join(root, 'srv/one'), 'linked\n');
  await run('ln', [join(root, 'srv/one'), join(root, 'srv/two')]);
  await writeFile(Buffer.concat([Buffer.from(`${root}/srv/line\n`), Buffer.from([0xff, 0xfe])]), 'odd name\n');
  await run('cp', ['/usr/bin/true', join(root, 'srv/able')]);
  await run('setcap', ['cap_net_raw=ep', join(root, 'srv/able')]);
  await run('setfacl', ['-m', 'u:1:r', join(root, 'srv/one')]);
  await run('truncate', ['-s', '20M', join(root, 'srv/sparse')]);
  await writeFile(join(data, 'payload'), Buffer.alloc(3_000_000, 'payload'));
  await utimes(join(data, 'payload'), 1_000_000_000, 1_000_000_000);
  return { root, data };
}

describe('the two ends of a capture', () => {
  it('bring the tree over, whole and without what makes the machine that machine', async () => {
    const { root, data } = await machine();
    const mounts = [
      { at: '/', from: root },
      { at: '/data', from: data },
    ];
    const ticket = 'ab'.repeat(16);
    const endpoints = services.storeEndpoints().filter((one) => one.startsWith('https:'));
    const tree = join(dir, 'sysclone/images/img');
    const spec = {
      image: 'img',
      agent: 'golden1',
      ticket,
      tree,
      layoutFile: join(dir, 'sysclone/scripts/img.layout.json'),
      layout: lvm,
      mounts,
      osvers: 'debian12',
      arch: 'x86_64',
      store: { agent: 'images', endpoints: [] },
    };
    const receive = captureReceive.run(contextOf(storeHome(), 'r', spec));
    // The tree has no kernel, so nothing can be packed of it: no image is there, and what was fetched stays.
    const fetched = join(dir, 'sysclone/images/.img.capture');
    const packed = expect(receive).rejects.toThrow(/couldn't find the kernel file/);
    const stop = new AbortController();
    const sending = captureSend.run(
      contextOf(goldenHome(), 's', { ticket, store: { agent: 'images', endpoints }, mounts }, stop.signal),
    );
    const thief = new AbortController();
    const stealing = captureSend.run(
      contextOf(join(dir, 'thief'), 't', { ticket, store: { agent: 'images', endpoints }, mounts }, thief.signal),
    );
    await packed;
    thief.abort(new Error('enough'));
    await expect(stealing).rejects.toThrow();
    expect(((await sending) as { connections: number }).connections).toBeGreaterThanOrEqual(2);

    const { stdout } = await run('rsync', [
      '-naHAXi',
      '--numeric-ids',
      '--delete',
      '--exclude=/data/*',
      `${root}/`,
      `${fetched}/`,
    ]);
    const differs = stdout.split('\n').filter((line) => line !== '' && !/ (?:\.|etc\/systemimager)\//.test(line));
    expect(differs.map((line) => line.slice(12)).sort()).toEqual([
      'etc/machine-id',
      'etc/ssh/ssh_host_ed25519_key',
      'tmp/worthless',
      'var/lib/hostler/agent/',
      'var/lib/hostler/agent/identity.pem',
    ]);
    await expect(stat(tree)).rejects.toThrow();
    expect(await readFile(join(fetched, 'data/payload'), 'utf8')).toContain('payload');
    await expect(stat(join(fetched, 'data/below'))).rejects.toThrow();
    expect((await stat(join(fetched, 'srv/sparse'))).blocks).toBeLessThan(100);
    expect(JSON.parse(await readFile(spec.layoutFile, 'utf8'))).toEqual(lvm);
  });
});
