import type { Filesystem, Layout } from '../../../../shared/layout/layout.ts';
import { partitionTypes } from '../../../../shared/layout/layout.ts';
import { mebibyte } from '../../../../shared/layout/size.ts';
import type { TargetDisk } from '../../../../shared/layout/target.ts';

export const gib = 1024 * mebibyte;
const { gpt, mbr } = partitionTypes;

export function filesystem(
  on: string,
  type: Filesystem['type'],
  at: string,
  more: Partial<Filesystem> = {},
): Filesystem {
  const uuid =
    type === 'vfat'
      ? 'ABCD-1234'
      : `${'0'.repeat(8)}-0000-4000-8000-${Buffer.from(on).toString('hex').padStart(12, '0').slice(-12)}`;
  return { on, type, uuid, usedBytes: 10 * mebibyte, options: {}, mounts: at === '' ? [] : [{ at }], ...more };
}

/** UEFI, LVM, xfs and swap. */
export const lvm: Layout = {
  format: 1,
  firmware: 'uefi',
  disks: [
    {
      name: 'disk1',
      bytes: 8 * gib,
      table: 'gpt',
      partitions: [
        { name: 'disk1.1', number: 1, bytes: 200 * mebibyte, type: gpt.esp, label: 'EFI' },
        { name: 'disk1.2', number: 2, bytes: 512 * mebibyte, type: gpt.linux },
        { name: 'disk1.3', number: 3, bytes: 7478 * mebibyte, type: gpt.lvm },
      ],
    },
  ],
  raids: [],
  groups: [
    {
      name: 'vg0',
      extentBytes: 4 * mebibyte,
      members: ['disk1.3'],
      volumes: [
        { name: 'root', bytes: 6964 * mebibyte },
        { name: 'swap', bytes: 512 * mebibyte },
      ],
      freeBytes: 0,
    },
  ],
  filesystems: [
    filesystem('disk1.1', 'vfat', '/boot/efi', { options: { fat: '32' } }),
    filesystem('disk1.2', 'ext4', '/boot', { options: { blocksize: '4096' }, names: ['/dev/vda2'] }),
    filesystem('vg0/root', 'xfs', '/', { usedBytes: gib, options: { crc: '1', bigtime: '0' } }),
    filesystem('vg0/swap', 'swap', ''),
  ],
};

/** BIOS, MBR with an extended partition. */
export const plain: Layout = {
  format: 1,
  firmware: 'bios',
  disks: [
    {
      name: 'disk1',
      bytes: 4 * gib,
      table: 'mbr',
      partitions: [
        { name: 'disk1.1', number: 1, bytes: 256 * mebibyte, type: mbr.linux, active: true },
        { name: 'disk1.2', number: 2, bytes: 3836 * mebibyte, type: mbr.extended },
        { name: 'disk1.5', number: 5, bytes: 256 * mebibyte, type: mbr.swap },
        { name: 'disk1.6', number: 6, bytes: 3 * gib, type: mbr.linux },
      ],
    },
  ],
  raids: [],
  groups: [],
  filesystems: [
    filesystem('disk1.1', 'ext4', '/boot'),
    filesystem('disk1.5', 'swap', '', { names: ['/dev/sda5'] }),
    filesystem('disk1.6', 'ext4', '/', { usedBytes: gib, partuuid: 'deadbeef-06' }),
  ],
};

export const raidUuid = '0badcafe:11111111:22222222:33333333';

/** Two disks, RAID1 below LVM, btrfs with subvolumes. */
export const mirror: Layout = {
  format: 1,
  firmware: 'bios',
  disks: [1, 2].map((disk) => ({
    name: `disk${disk}`,
    bytes: 6 * gib,
    table: 'gpt' as const,
    partitions: [
      { name: `disk${disk}.1`, number: 1, bytes: mebibyte, type: gpt.biosBoot },
      { name: `disk${disk}.2`, number: 2, bytes: 512 * mebibyte, type: gpt.raid },
      { name: `disk${disk}.3`, number: 3, bytes: 5 * gib, type: gpt.raid },
    ],
  })),
  raids: [
    { name: 'boot', level: 'raid1', metadata: '1.0', members: ['disk1.2', 'disk2.2'] },
    { name: 'data', level: 'raid1', metadata: '1.2', members: ['disk1.3', 'disk2.3'], uuid: raidUuid },
  ],
  groups: [],
  filesystems: [
    filesystem('boot', 'ext4', '/boot'),
    filesystem('data', 'btrfs', '', {
      usedBytes: gib,
      subvolumes: ['@', '@home', '@/var', '@/var/log'],
      defaultSubvolume: '@',
      mounts: [
        { at: '/', subvolume: '@' },
        { at: '/home', subvolume: '@home' },
      ],
    }),
  ],
};

export function disk(device: string, bytes: number, more: Partial<TargetDisk> = {}): TargetDisk {
  return { device, bytes, serial: '', paths: [], removable: false, readOnly: false, busy: false, ...more };
}

/** The same ids in every run. */
export function counted(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `${count.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
  };
}
