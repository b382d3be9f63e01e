// bound: 500 s
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { earlyPartsOf } from '../../agent/tasks/clone/drivers/early.ts';
import { supplementEntries } from '../../agent/tasks/clone/drivers/supplement.ts';
import { cpio, type CpioEntry } from '../../agent/tasks/image-build/initrd/cpio.ts';
import type { TaskContext } from '../../agent/tasks/types.ts';
import { run } from '../../shared/process/run.ts';
import { goldenTree } from '../lab/golden-tree.ts';

/* A golden client whose initramfs was made for its own disk, and a clone that has another: real modules, real depmod. */

let dir: string;
let tree: string;
let version: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hdrv-'));
  tree = join(dir, 'tree');
  const golden = await goldenTree();
  [version = ''] = await readdir(join(golden, 'lib/modules'));
  await mkdir(join(tree, 'lib/modules'), { recursive: true });
  await mkdir(join(tree, 'boot'));
  await run('cp', ['--archive', join(golden, 'lib/modules', version), join(tree, 'lib/modules')]);
}, 450_000);

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function initrdWith(modules: readonly string[], programs: readonly string[] = []): Promise<void> {
  const base = `usr/lib/modules/${version}`;
  const entries: CpioEntry[] = [
    ...['usr', 'usr/lib', 'usr/lib/modules', base].map((path) => ({ path, kind: 'folder' as const })),
    { path: 'usr/sbin', kind: 'folder' as const },
    ...programs.map((name) => ({ path: `usr/sbin/${name}`, kind: 'file' as const, content: Buffer.from('x') })),
    ...modules.map((path) => ({ path: `${base}/kernel/${path}`, kind: 'file' as const, content: Buffer.from('x') })),
  ];
  const pieces: Uint8Array[] = [];
  for await (const piece of cpio(entries)) pieces.push(piece);
  await writeFile(join(tree, `boot/initrd.img-${version}`), Buffer.concat(pieces));
}

async function supplement(): Promise<Map<string, Buffer>> {
  const context = { dir, signal: AbortSignal.timeout(60_000), log: () => undefined } as unknown as TaskContext;
  const wanted = { folders: ['drivers/ata'], names: ['virtio_blk', 'virtio_scsi'] };
  const entries = await supplementEntries({ tree, kernelver: version, ...wanted, context });
  return new Map(entries.map((one) => [one.path, Buffer.from(one.kind === 'file' ? one.content : [])]));
}

describe('what the golden client starts from', () => {
  const parts = (): Promise<readonly string[] | undefined> =>
    earlyPartsOf(tree, version, { signal: AbortSignal.timeout(60_000) });

  it('is looked into for what a root file system may need, in the initramfs and in the kernel, which has ext4', async () => {
    await initrdWith(['drivers/md/raid1.ko', 'fs/xfs/xfs.ko'], ['mdadm']);
    expect(await parts()).toEqual(['mdadm', 'raid1', 'ext4', 'xfs']);
    await initrdWith(['drivers/md/dm-mod.ko'], ['lvm']);
    expect(await parts()).toEqual(['lvm', 'dm_mod', 'ext4']);
  });

  it('is believed where it cannot be looked into', async () => {
    await writeFile(join(tree, `boot/initrd.img-${version}`), 'packed in a way of tomorrow');
    expect(await parts()).toBeUndefined();
  });
});

describe('drivers of disks that the golden client never needed', () => {
  it('are packed with tables that modprobe finds them by, where the modules of that initramfs lie', async () => {
    await initrdWith(['drivers/block/virtio_blk.ko']);
    const found = await supplement();
    const list = found.get('etc/drivers/list')?.toString().split('\n') ?? [];
    expect(list).toContain('virtio_scsi');
    expect(list).toContain('ata_piix');
    expect(list).not.toContain('virtio_blk');
    expect(found.get('etc/drivers/initrd')?.toString()).toBe(`/boot/initrd.img-${version}\n`);
    const unpacked = join(dir, 'unpacked');
    const own = join(unpacked, 'usr/lib/modules', version);
    await mkdir(join(own, 'kernel/drivers/block'), { recursive: true });
    // What the initramfs has already; the archive is laid over it.
    await run('cp', [
      join(tree, 'lib/modules', version, 'kernel/drivers/block/virtio_blk.ko'),
      join(own, 'kernel/drivers/block'),
    ]);
    await writeFile(join(dir, 'cpio'), found.get('etc/drivers/cpio') ?? '');
    await run('cpio', ['--extract', '--quiet', '--make-directories', '--file', join(dir, 'cpio')], { cwd: unpacked });
    const { stdout } = await run('modprobe', [
      '-d',
      join(unpacked, 'usr'),
      '-S',
      version,
      '--show-depends',
      'virtio_scsi',
    ]);
    expect(stdout).toMatch(/scsi_mod\.ko[\s\S]*\/virtio_scsi\.ko/);
    const alias = await run('modprobe', [
      '-d',
      join(unpacked, 'usr'),
      '-S',
      version,
      '--resolve-alias',
      'virtio:d00000002v1',
    ]);
    expect(alias.stdout.trim()).toBe('virtio_blk');
  });

  it('are not packed where nothing is lacking', async () => {
    const every = ['virtio_blk', 'virtio_scsi', 'ata_piix', 'ata_generic', 'pata_legacy'];
    const { stdout } = await run('modprobe', ['-d', tree, '-S', version, '-a', '--show-depends', ...every]);
    const paths = stdout.split('\n').flatMap((line) => /\/kernel\/(\S+\.ko)/.exec(line)?.[1] ?? []);
    await initrdWith(paths);
    expect([...(await supplement()).keys()]).toEqual([]);
  });
});
