// bound: 300 s
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobStore } from '../../agent/store/blobs.ts';
import { captureSend } from '../../agent/tasks/clone/capture/send.ts';
import { captureDiskless, passedBy } from '../../agent/tasks/clone/diskless/capture.ts';
import { imagePack } from '../../agent/tasks/image-pack/kind.ts';
import { run } from '../../shared/process/run.ts';
import type { CaptureDisklessResult } from '../../shared/task/capture-diskless.ts';
import type { ImageManifest, ImagePackResult } from '../../shared/task/image-pack.ts';
import { GoldenEnds } from '../lab/golden-ends.ts';

/* imgcapture -t diskless: a folder in place of a running node, then packed as any image. Real rsync, cpio, squashfs. */

let ends: GoldenEnds;
let root: string;
const rootimgdir = () => join(ends.dir, 'netboot/debian12/x86_64/login');
const build = () => ({
  ...{ image: 'ram', osvers: 'debian12', arch: 'x86_64', profile: 'login', rootimgdir: rootimgdir() },
  ...{ pkgdir: [], pkglist: [], otherpkgdir: [], otherpkglist: [], postinstall: [], driverupdatesrc: [] },
  ...{ kernelver: '', krpmver: '', kerneldir: '', ignorekernelchk: false, netdrivers: [], permission: '755' },
  ...{ interfaces: [], rootlimit: '', tmplimit: '', search: false, environment: {}, onlyinitrd: false },
  ...{ noupdate: false, fresh: false, noderuntime: '', nodeagent: 'once', addkcmdline: '', cacheBytes: 0 },
});

beforeAll(async () => {
  ends = await GoldenEnds.start();
  root = await ends.machine('machine');
  await rm(Buffer.concat([Buffer.from(`${root}/srv/line\n`), Buffer.from([0xff, 0xfe])]));
  await mkdir(join(root, 'usr/lib/systemd/system'), { recursive: true });
  await writeFile(join(root, 'usr/lib/systemd/systemd'), 'x', { mode: 0o755 });
  await writeFile(join(root, 'etc/shadow'), 'root:$6$secret:1::::::\n', { mode: 0o600 });
  await mkdir(join(root, 'install/netboot'), { recursive: true });
  await writeFile(join(root, 'install/netboot/large'), 'not for nodes');
  await mkdir(join(root, 'usr/share/man/man1'), { recursive: true });
  await writeFile(join(root, 'usr/share/man/man1/ls.1'), 'manual');
  await writeFile(join(root, 'usr/share/man/man1/kept.1'), 'manual');
  await mkdir(join(root, 'opt/hostler'), { recursive: true });
  await writeFile(join(root, 'opt/hostler/agent.json'), '{"mode":"stay","roles":["golden"]}');
});
afterAll(() => ends.stop());

async function capture(ticket: string): Promise<CaptureDisklessResult> {
  const mounts = [{ at: '/', from: root }];
  const lists = [join(ends.dir, 'install/custom/netboot/debian')];
  const stop = new AbortController();
  const store = { agent: 'images', endpoints: ends.endpoints() };
  const sending = captureSend
    .run(ends.context('golden1', { ticket, mounts, store }, stop.signal))
    .catch((error: unknown) => error);
  try {
    const spec = { agent: 'golden1', ticket, mounts, build: build(), lists };
    return (await captureDiskless.run(ends.context('images', spec))) as CaptureDisklessResult;
  } finally {
    stop.abort(new Error('over'));
    await sending;
  }
}

describe('a running node as a stateless image', { timeout: 120_000 }, () => {
  it('becomes tree, kernel and initrd, fitted to live in memory', async () => {
    const lists = join(ends.dir, 'install/custom/netboot/debian');
    await mkdir(lists, { recursive: true });
    await writeFile(join(lists, 'login.imgcapture.exlist'), './usr/share/man*\n+./usr/share/man/man1/kept.1\n');
    const result = await capture('d1'.repeat(16));
    expect(result).toMatchObject({ kernelver: '6.1.0', packages: 1 });
    expect(result.exlist).toMatch(/login\.imgcapture\.exlist$/);
    const tree = join(rootimgdir(), 'rootimg');
    const has = (path: string): Promise<boolean> =>
      stat(join(tree, path)).then(
        () => true,
        () => false,
      );
    expect(await readFile(join(tree, 'etc/machine-id'), 'utf8')).toBe('');
    expect(await readFile(join(tree, 'etc/fstab'), 'utf8')).not.toMatch(/^[^#]/m);
    expect(await has('etc/ssh/ssh_host_ed25519_key')).toBe(false);
    expect(await has('etc/hostname')).toBe(false);
    expect(await has('var/lib/hostler/agent')).toBe(false);
    expect(await has('install/netboot/large')).toBe(false);
    expect(await has('usr/share/man/man1/ls.1')).toBe(false);
    expect(await has('usr/share/man/man1/kept.1')).toBe(true);
    expect(JSON.parse(await readFile(join(tree, 'opt/hostler/agent.json'), 'utf8'))).toEqual({ mode: 'once' });
    expect(await has('opt/hostler/hostler-agent')).toBe(true);
    expect(await readFile(join(tree, 'etc/shadow'), 'utf8')).toBe('root:*:1::::::\n');
    expect((await run('getcap', [join(tree, 'srv/able')])).stdout).toContain('cap_net_raw');
    const names = await readdir(rootimgdir());
    expect(names).toEqual(expect.arrayContaining(['rootimg', 'kernel', 'initrd-stateless.zst', '.build.json']));
  });

  it('is refused when the node has names that no image can hold, and the first is said', async () => {
    const odd = Buffer.concat([Buffer.from(`${root}/srv/odd`), Buffer.from([0xff])]);
    await writeFile(odd, 'x');
    await expect(capture('d3'.repeat(16))).rejects.toThrow(/names that are not UTF-8.*the first is \/srv\/odd/);
    await rm(odd);
  });

  it('is packed as any image, and captured again with what changed alone', async () => {
    const spec = {
      ...{ image: 'ram', rootimgdir: rootimgdir(), method: 'squashfs', compress: 'zstd', exlist: [], synclists: [] },
      ...{ key: '', rootPassword: '', store: { agent: 'images', endpoints: [] } },
      info: { osvers: 'debian12', arch: 'x86_64', profile: 'login' },
    };
    const packed = (await imagePack.run(ends.context('images', spec))) as unknown as ImagePackResult;
    const manifest = JSON.parse(
      await readFile(new BlobStore(join(ends.dir, 'images')).path(packed.manifest.digest), 'utf8'),
    ) as ImageManifest;
    expect(manifest).toMatchObject({ kernelver: '6.1.0', packages: [{ name: 'one', version: '1.0', arch: 'amd64' }] });
    await writeFile(join(root, 'srv/new'), 'new\n');
    await rm(join(root, 'srv/two'));
    const again = await capture('d2'.repeat(16));
    expect(again.received).toBeLessThan(again.bytes / 100);
    expect(await readFile(join(rootimgdir(), 'rootimg/srv/new'), 'utf8')).toBe('new\n');
    await expect(stat(join(rootimgdir(), 'rootimg/srv/two'))).rejects.toThrow();
  });

  it('takes exclude lists in the words of find, and refuses what is no path', async () => {
    const list = join(ends.dir, 'list');
    await writeFile(list, './a*b\n/c/d # remark\n+./usr/x/y\n');
    const { exclude, include } = await passedBy(list);
    expect(exclude).toEqual(expect.arrayContaining(['/a**b', '/c/d', '/etc/machine-id']));
    expect(include).toEqual(['/usr/', '/usr/x/', '/usr/x/y']);
    await writeFile(list, 'usr\n');
    await expect(passedBy(list)).rejects.toThrow('must begin with ./ or /');
  });
});
