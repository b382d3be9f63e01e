import type { Filesystem, Layout, Partition } from '../../shared/layout/layout.ts';
import { partitionTypes } from '../../shared/layout/layout.ts';
import { mebibyte } from '../../shared/layout/size.ts';

export const gib = 1024 * mebibyte;
const { gpt, mbr } = partitionTypes;

/** What the test's golden tree takes on a disk, roughly. */
const content = 900 * mebibyte;

function filesystem(on: string, type: Filesystem['type'], at: string, more: Partial<Filesystem> = {}): Filesystem {
  return { on, type, uuid: '', usedBytes: 0, options: {}, mounts: at === '' ? [] : [{ at }], ...more };
}

function partition(
  disk: string,
  number: number,
  mebibytes: number,
  type: string,
  more: Partial<Partition> = {},
): Partition {
  return { name: `${disk}.${number}`, number, bytes: mebibytes * mebibyte, type, ...more };
}

/** The disks of golden clients that tests install: layout files as an administrator would write them. */
export const goldenLayouts = {
  /** ext4 and swap in an MBR, started by BIOS. */
  ext4: {
    format: 1,
    firmware: 'bios',
    disks: [
      {
        name: 'disk1',
        bytes: 3 * gib,
        table: 'mbr',
        partitions: [
          partition('disk1', 1, 2880, mbr.linux, { active: true, grow: true }),
          partition('disk1', 2, 128, mbr.swap),
        ],
      },
    ],
    raids: [],
    groups: [],
    filesystems: [filesystem('disk1.1', 'ext4', '/', { usedBytes: content }), filesystem('disk1.2', 'swap', '')],
  },
  /** UEFI, LVM and xfs; with room for a snapshot in the volume group. */
  lvm: {
    format: 1,
    firmware: 'uefi',
    disks: [
      {
        name: 'disk1',
        bytes: 3 * gib,
        table: 'gpt',
        partitions: [
          partition('disk1', 1, 64, gpt.esp, { label: 'EFI' }),
          partition('disk1', 2, 256, gpt.linux),
          partition('disk1', 3, 2700, gpt.lvm),
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
          { name: 'swap', bytes: 128 * mebibyte },
          { name: 'root', bytes: 2200 * mebibyte },
        ],
        freeBytes: 360 * mebibyte,
      },
    ],
    filesystems: [
      filesystem('disk1.1', 'vfat', '/boot/efi', { options: { fat: '32' } }),
      filesystem('disk1.2', 'ext4', '/boot'),
      filesystem('vg0/root', 'xfs', '/', { usedBytes: content }),
      filesystem('vg0/swap', 'swap', ''),
    ],
  },
  /** Two disks as one by md, started by BIOS from either. */
  raid1: {
    format: 1,
    firmware: 'bios',
    disks: ['disk1', 'disk2'].map((name) => ({
      name,
      bytes: 3 * gib,
      table: 'gpt' as const,
      partitions: [partition(name, 1, 1, gpt.biosBoot), partition(name, 2, 3000, gpt.raid)],
    })),
    raids: [{ name: 'md0', level: 'raid1', metadata: '1.2', members: ['disk1.2', 'disk2.2'] }],
    groups: [],
    filesystems: [filesystem('md0', 'ext4', '/', { usedBytes: content })],
  },
  /** UEFI, and everything in subvolumes of one btrfs; one of them is its default. */
  btrfs: {
    format: 1,
    firmware: 'uefi',
    disks: [
      {
        name: 'disk1',
        bytes: 3 * gib,
        table: 'gpt',
        partitions: [partition('disk1', 1, 64, gpt.esp, { label: 'EFI' }), partition('disk1', 2, 2900, gpt.linux)],
      },
    ],
    raids: [],
    groups: [],
    filesystems: [
      filesystem('disk1.1', 'vfat', '/boot/efi', { options: { fat: '32' } }),
      filesystem('disk1.2', 'btrfs', '', {
        usedBytes: content,
        subvolumes: ['@', '@home'],
        defaultSubvolume: '@',
        mounts: [
          { at: '/', subvolume: '@' },
          { at: '/home', subvolume: '@home' },
        ],
      }),
    ],
  },
} satisfies Readonly<Record<string, Layout>>;

export type GoldenKind = keyof typeof goldenLayouts;
