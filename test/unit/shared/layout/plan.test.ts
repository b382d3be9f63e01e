import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Choice } from '../../../../shared/layout/choose.ts';
import { checkedLayout } from '../../../../shared/layout/check.ts';
import { spareEsps } from '../../../../shared/layout/firmware.ts';
import { fitted, neededBytes } from '../../../../shared/layout/fit.ts';
import { freshIds } from '../../../../shared/layout/ids.ts';
import type { Layout } from '../../../../shared/layout/layout.ts';
import { planDisks } from '../../../../shared/layout/plan.ts';
import { mebibyte } from '../../../../shared/layout/size.ts';
import { sfdiskScript } from '../../../../shared/layout/steps.ts';
import type { Target } from '../../../../shared/layout/target.ts';
import { run } from '../../../../shared/process/run.ts';
import { counted, disk, gib, lvm, mirror, plain } from './samples.ts';

const asIs: Choice = { protect: [], smaller: false };
const machine = (firmware: Target['firmware'], ...disks: Target['disks']): Target => ({ firmware, disks, groups: [] });
const planned = (layout: Layout, target: Target, choice = asIs) =>
  planDisks(layout, target, choice, counted(), '/target');

describe('the disks of a machine', () => {
  it('takes the smallest that is large enough, never a protected, removable, read-only or busy one', () => {
    const plan = planned(
      lvm,
      machine(
        'uefi',
        disk('sda', 100 * gib),
        disk('sdb', 9 * gib, { serial: 'KEEP' }),
        disk('sdc', 9 * gib, { removable: true }),
        disk('sdd', 9 * gib, { busy: true }),
        disk('sde', 9 * gib, { readOnly: true }),
        disk('nvme0n1', 20 * gib),
      ),
      { protect: ['KEEP'], smaller: false },
    );
    expect(plan.disks.get('disk1')?.device).toBe('nvme0n1');
    expect(plan.steps.map(({ argv }) => argv.join(' ')).join('\n')).toContain('/dev/nvme0n1p3');
  });

  it('takes the very disk that was captured, else the one at its place', () => {
    const named: Layout = { ...lvm, disks: lvm.disks.map((one) => ({ ...one, serial: 'S1', path: 'pci-0' })) };
    const other = disk('sda', 9 * gib);
    expect(
      planned(named, machine('uefi', other, disk('sdb', 50 * gib, { serial: 'S1' }))).disks.get('disk1')?.device,
    ).toBe('sdb');
    expect(
      planned(named, machine('uefi', other, disk('sdb', 50 * gib, { paths: ['pci-0'] }))).disks.get('disk1')?.device,
    ).toBe('sdb');
    const only: Layout = { ...named, disks: named.disks.map((one) => ({ ...one, only: true })) };
    expect(() => planned(only, machine('uefi', other))).toThrow(/sda .*not the one that the layout names/);
  });

  it('says of every disk why it will not do', () => {
    expect(() => planned(lvm, machine('uefi', disk('sda', gib), disk('sdb', 9 * gib, { busy: true })))).toThrow(
      /disk1 of the layout needs a disk of at least 8 GiB; this machine has sda \(1 GiB\): too small; sdb \(9 GiB\): in use. Nothing was written. Where the content fits/,
    );
    expect(() => planned(lvm, machine('uefi'))).toThrow(/no disk at all/);
  });

  it('refuses a second volume group of the same name on a disk that stays, not on one that is wiped', () => {
    const target = machine('uefi', disk('sda', 9 * gib), disk('sdb', 90 * gib));
    expect(() => planned(lvm, { ...target, groups: [{ name: 'vg0', disks: ['sdb'] }] })).toThrow(/volume group vg0/);
    expect(planned(lvm, { ...target, groups: [{ name: 'vg0', disks: ['sda'] }] }).disks.size).toBe(1);
  });
});

describe('sizes', () => {
  it('gives the room of a larger disk to the last volume that is no swap', () => {
    const plan = planned(lvm, machine('uefi', disk('nvme0n1', 20 * gib)));
    const [root, swap] = plan.layout.groups[0]?.volumes ?? [];
    expect(swap?.bytes).toBe(512 * mebibyte);
    expect(root?.bytes).toBe(6964 * mebibyte + 12 * gib);
    expect(plan.layout.disks[0]?.partitions.map(({ bytes }) => bytes / mebibyte)).toEqual([200, 512, 7478 + 12 * 1024]);
  });

  it('gives it to the marked one where one is marked', () => {
    const marked: Layout = {
      ...lvm,
      groups: lvm.groups.map((group) => ({
        ...group,
        volumes: group.volumes.map((one) => ({ ...one, ...(one.name === 'swap' && { grow: true as const }) })),
      })),
    };
    expect(
      planned(marked, machine('uefi', disk('sda', 9 * gib))).layout.groups[0]?.volumes.map(
        ({ bytes }) => bytes / mebibyte,
      ),
    ).toEqual([6964, 1536]);
  });

  it('shrinks only what may shrink, and not below its content', () => {
    const target = machine('uefi', disk('sda', 4 * gib));
    expect(() => planned(lvm, target)).toThrow(/needs a disk of at least 8 GiB/);
    const plan = planned(lvm, target, { protect: [], smaller: true });
    expect(plan.layout.groups[0]?.volumes[0]?.bytes).toBe((6964 - 4096) * mebibyte);
    expect(() => planned(lvm, machine('uefi', disk('sda', 2 * gib)), { protect: [], smaller: true })).toThrow(
      /The content of \/ takes 1 GiB and would not fit/,
    );
  });

  it('keeps every part at least as large as before on any larger disk, and inside it', () => {
    fc.assert(
      fc.property(fc.constantFrom(lvm, plain, mirror), fc.integer({ min: 0, max: 40 * 1024 }), (layout, more) => {
        const sizes = new Map(layout.disks.map((one) => [one.name, one.bytes + more * mebibyte + (more % 3) * 512]));
        const result = fitted(layout, sizes, false);
        for (const one of result.disks) {
          expect(neededBytes(one)).toBeLessThanOrEqual(sizes.get(one.name) ?? 0);
          const before = layout.disks.find(({ name }) => name === one.name);
          for (const partition of one.partitions)
            expect(partition.bytes).toBeGreaterThanOrEqual(
              before?.partitions.find(({ name }) => name === partition.name)?.bytes ?? Infinity,
            );
        }
        for (const group of result.groups)
          for (const [index, volume] of group.volumes.entries())
            expect(volume.bytes).toBeGreaterThanOrEqual(layout.groups[0]?.volumes[index]?.bytes ?? Infinity);
      }),
    );
  });
});

describe('another firmware', () => {
  it('adds an EFI system partition and makes a GPT of an MBR', () => {
    const plan = planned(plain, machine('uefi', disk('sda', 9 * gib)));
    expect(plan.layout.disks[0]?.table).toBe('gpt');
    expect(plan.layout.disks[0]?.partitions.map(({ name }) => name)).toEqual([
      'disk1.2',
      'disk1.1',
      'disk1.5',
      'disk1.6',
    ]);
    expect(plan.mounts.map(({ argv }) => argv.at(-1))).toContain('/target/boot/efi');
    expect(plan.steps.at(-1)?.argv.slice(0, 3)).toEqual(['mkfs.vfat', '-F', '32']);
  });

  it('adds an EFI system partition to each disk of a mirror, and mounts one', () => {
    const plan = planned(mirror, machine('uefi', disk('sda', 9 * gib), disk('sdb', 9 * gib)));
    expect(plan.steps.filter(({ argv }) => argv[0] === 'mkfs.vfat').map(({ argv }) => argv.at(-1))).toEqual([
      '/dev/sda4',
      '/dev/sdb4',
    ]);
    expect(plan.mounts.filter(({ argv }) => argv.includes('vfat')).map(({ argv }) => argv.slice(-2))).toEqual([
      ['/dev/sda4', '/target/boot/efi'],
    ]);
    expect(spareEsps(plan.layout)).toEqual(['disk2.4']);
    expect(spareEsps(lvm)).toEqual([]);
  });

  it('adds room for the core image of GRUB, on every disk that /boot lies on', () => {
    expect(planned(lvm, machine('bios', disk('sda', 9 * gib))).layout.disks[0]?.partitions[0]).toMatchObject({
      name: 'disk1.4',
      bytes: mebibyte,
    });
  });
});

describe('the programs', () => {
  it('come in an order in which each finds what it needs, parents mounted first', () => {
    const plan = planned(mirror, machine('bios', disk('sda', 9 * gib), disk('sdb', 9 * gib)));
    expect(plan.steps.map(({ argv }) => argv[0])).toEqual([
      'wipefs',
      'sfdisk',
      'wipefs',
      'sfdisk',
      'mdadm',
      'mdadm',
      'mkfs.ext4',
      'mkfs.btrfs',
    ]);
    expect(plan.mounts.filter(({ argv }) => argv[0] !== 'mkdir').map(({ argv }) => argv.slice(0, 6).join(' '))).toEqual(
      [
        'mount -t btrfs -o subvolid=5 /dev/md/data',
        'btrfs subvolume create /target.btrfs/@',
        'btrfs subvolume create /target.btrfs/@home',
        'btrfs subvolume create /target.btrfs/@/var',
        'btrfs subvolume create /target.btrfs/@/var/log',
        'btrfs subvolume set-default /target.btrfs/@',
        'umount /target.btrfs',
        'mount -t btrfs -o subvol=/@ /dev/md/data',
        'mount -t ext4 /dev/md/boot /target/boot',
        'mount -t btrfs -o subvol=/@home /dev/md/data',
      ],
    );
  });

  it('find a RAID where its name puts it', () => {
    const named = (name: string) => ({
      ...mirror,
      raids: mirror.raids.map((one, at) => ({ ...one, name: at === 0 ? name : one.name })),
      filesystems: mirror.filesystems.map((one) => (one.on === 'boot' ? { ...one, on: name } : one)),
    });
    const made = (name: string) =>
      planned(named(name), machine('bios', disk('sda', 9 * gib), disk('sdb', 9 * gib))).steps.find(
        ({ argv }) => argv[0] === 'mdadm',
      )?.argv[2];
    expect(['md0', '0', 'boot', 'md_x'].map(made)).toEqual(['/dev/md0', '/dev/md/0', '/dev/md/boot', '/dev/md/md_x']);
  });

  it('get new ids every time, of the form that each tool takes', () => {
    const target = machine('uefi', disk('sda', 9 * gib));
    const argv = planned(lvm, target).steps.map((step) => step.argv.join(' '));
    expect(argv).toContain('mkfs.vfat -F 32 -i 00000005 /dev/sda1');
    expect(argv.find((line) => line.startsWith('mkfs.xfs'))).toMatch(
      /-m crc=1 -m bigtime=0 -m uuid=[0-9a-f-]{36} \/dev\/vg0\/root$/,
    );
    expect(argv.find((line) => line.startsWith('lvm lvcreate') && line.includes('--name root'))).toContain(
      '--extents 100%FREE',
    );
  });

  it.each([
    ['GPT', lvm],
    ['MBR with an extended partition', plain],
    ['GPT with a BIOS boot partition', mirror],
  ])('are taken by the real sfdisk: %s', async (_, layout) => {
    const folder = await mkdtemp(join(tmpdir(), 'hostler-layout-'));
    try {
      const [first] = fitted(layout, new Map(layout.disks.map((one) => [one.name, one.bytes + gib])), false).disks;
      if (first === undefined) throw new Error('a sample has no disk');
      const file = join(folder, 'sda');
      const handle = await open(file, 'w');
      await handle.truncate(first.bytes);
      const ids = freshIds(layout, counted());
      await handle.close();
      await run('sfdisk', ['--quiet', file], { input: sfdiskScript(first, 'sda', ids) });
      const { stdout } = await run('sfdisk', ['--json', file]);
      const { partitiontable } = JSON.parse(stdout) as {
        partitiontable: { label: string; partitions: { node: string; start: number; size: number }[] };
      };
      expect(partitiontable.label).toBe(first.table === 'gpt' ? 'gpt' : 'dos');
      const sizes = new Map(
        partitiontable.partitions.map((one) => [Number(/(\d+)$/.exec(one.node)?.[1]), one.size * 512]),
      );
      for (const one of first.partitions.filter(({ type }) => type !== '05'))
        expect(sizes.get(one.number)).toBe(one.bytes);
      expect(partitiontable.partitions.every(({ start }) => start % 2048 === 0)).toBe(true);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('a layout from outside', () => {
  it('comes back as it is', () => {
    for (const layout of [lvm, plain, mirror])
      expect(checkedLayout(JSON.parse(JSON.stringify(layout)))).toEqual(layout);
  });

  it.each<[string, (layout: typeof lvm) => unknown, RegExp]>([
    [
      'a path trick in a mount point',
      (one) => ({ ...one, filesystems: one.filesystems.map((fs) => ({ ...fs, mounts: [{ at: '/../etc' }] })) }),
      /without \. and \.\./,
    ],
    [
      'a blank in a mount point',
      (one) => ({ ...one, filesystems: one.filesystems.map((fs) => ({ ...fs, mounts: [{ at: '/a b' }] })) }),
      /absolute path/,
    ],
    [
      'an option for another program',
      (one) => ({ ...one, filesystems: one.filesystems.map((fs) => ({ ...fs, options: { exec: 'x' } })) }),
      /must be one of/,
    ],
    [
      'a value with a blank',
      (one) => ({ ...one, filesystems: [{ ...one.filesystems[1], options: { blocksize: '4096 -E x' } }] }),
      /as ext4 takes it/,
    ],
    [
      'a volume group that is an option',
      (one) => ({ ...one, groups: [{ ...one.groups[0], name: '--config' }] }),
      /a name that LVM takes/,
    ],
    ['a later format', (one) => ({ ...one, format: 2 }), /later Hostler/],
    ['no root', (one) => ({ ...one, filesystems: one.filesystems.slice(0, 2) }), /nothing is mounted at \//],
    [
      'a part that is used twice',
      (one) => ({ ...one, filesystems: [...one.filesystems, one.filesystems[0]] }),
      /used twice/,
    ],
    [
      'a part that is not there',
      (one) => ({ ...one, filesystems: [{ ...one.filesystems[2], on: 'vg0/nothing' }] }),
      /which is not there/,
    ],
    [
      'a default subvolume that is not there',
      () => ({ ...mirror, filesystems: mirror.filesystems.map((fs) => ({ ...fs, defaultSubvolume: '@other' })) }),
      /which .* does not have/,
    ],
    ['a size below nothing', (one) => ({ ...one, disks: [{ ...one.disks[0], bytes: -1 }] }), /a size in bytes/],
  ])('refuses %s', (_, spoil, reason) => {
    expect(() => checkedLayout(spoil(structuredClone(lvm)))).toThrow(reason);
  });

  it('takes sizes as people write them', () => {
    const edited = structuredClone(plain) as unknown as { disks: { bytes: unknown }[] };
    if (edited.disks[0]) edited.disks[0].bytes = '4.5G';
    expect(checkedLayout(edited).disks[0]?.bytes).toBe(4.5 * gib);
  });
});
