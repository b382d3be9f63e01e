import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../../../../agent/tasks/clone/machine/layout-of.ts';
import { chunkBytes } from '../../../../../agent/tasks/clone/machine/report.ts';
import type { BlockDevice, MachineReport } from '../../../../../agent/tasks/clone/machine/report.ts';
import { mebibyte } from '../../../../../shared/layout/size.ts';

const id = (number: number): string => `0000000${number}-1111-4222-8333-444444444444`;
const nothing = { fstype: null, uuid: null, label: null, partuuid: null, serial: null } as const;

function device(kname: string, type: string, mebibytes: number, more: Partial<BlockDevice> = {}): BlockDevice {
  return { ...nothing, kname, path: `/dev/${kname}`, type, size: mebibytes * mebibyte, ...more };
}

/** As a virtual machine said it: UEFI, LVM with xfs and swap, and a second disk that nothing is mounted from. */
const machine: MachineReport = {
  firmware: 'uefi',
  devices: [
    device('vda', 'disk', 3072, {
      serial: 'GOLDEN0',
      children: [
        device('vda1', 'part', 64, { fstype: 'vfat', uuid: 'D724-36AD', partuuid: id(1) }),
        device('vda2', 'part', 256, { fstype: 'ext4', uuid: id(4), partuuid: id(2) }),
        device('vda3', 'part', 2750, {
          fstype: 'LVM2_member',
          uuid: 'pv',
          partuuid: id(3),
          children: [
            device('dm-0', 'lvm', 128, { path: '/dev/mapper/vg0-swap', fstype: 'swap', uuid: id(5) }),
            device('dm-1', 'lvm', 2616, { path: '/dev/mapper/vg0-root', fstype: 'xfs', uuid: id(6) }),
          ],
        }),
      ],
    }),
    device('vdb', 'disk', 1, { serial: 'other' }),
  ],
  tables: new Map([
    [
      'vda',
      {
        label: 'gpt',
        partitions: [
          { node: '/dev/vda1', start: 2048, size: 131072, type: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', name: 'EFI' },
          { node: '/dev/vda2', start: 133120, size: 524288, type: '0FC63DAF-8483-4772-8E79-3D69D8477DE4' },
          { node: '/dev/vda3', start: 657408, size: 5632000, type: 'E6D6D379-F507-44C2-A23C-238F2A3DF928' },
        ],
      },
    ],
  ]),
  groups: [
    {
      name: 'vg0',
      extentBytes: 4 * mebibyte,
      freeBytes: 0,
      members: ['/dev/vda3'],
      volumes: [
        { name: 'root', bytes: 2616 * mebibyte, segtype: 'linear' },
        { name: 'swap', bytes: 128 * mebibyte, segtype: 'linear' },
      ],
    },
  ],
  raids: new Map(),
  mounts: [
    { target: '/', source: '/dev/mapper/vg0-root', fstype: 'xfs', subvolume: '', used: 800 * mebibyte },
    { target: '/boot', source: '/dev/vda2', fstype: 'ext4', subvolume: '', used: 60 * mebibyte },
    { target: '/boot/efi', source: '/dev/vda1', fstype: 'vfat', subvolume: '', used: 3 * mebibyte },
  ],
  // As the kernel calls it.
  swaps: ['/dev/dm-0'],
  made: new Map([['/dev/mapper/vg0-root', { crc: '1' }]]),
  subvolumes: new Map(),
  defaults: new Map(),
  paths: new Map([['vda', 'pci-0000:00:03.0']]),
  links: new Map(),
};

describe('the layout of a machine', () => {
  it('is that of the disks that it lives on, through partitions and volumes', () => {
    const layout = layoutOf(machine);
    expect(layout.disks).toMatchObject([
      { name: 'disk1', serial: 'GOLDEN0', path: 'pci-0000:00:03.0', table: 'gpt', bytes: 3072 * mebibyte },
    ]);
    expect(layout.disks[0]?.partitions.map(({ name, bytes }) => [name, bytes / mebibyte])).toEqual([
      ['disk1.1', 64],
      ['disk1.2', 256],
      ['disk1.3', 2750],
    ]);
    expect(layout.groups).toMatchObject([{ name: 'vg0', members: ['disk1.3'] }]);
    expect(layout.filesystems.map(({ on, type, mounts }) => [on, type, mounts.map(({ at }) => at).join()])).toEqual([
      ['disk1.1', 'vfat', '/boot/efi'],
      ['disk1.2', 'ext4', '/boot'],
      ['vg0/swap', 'swap', ''],
      ['vg0/root', 'xfs', '/'],
    ]);
  });

  it('has its RAIDs as they were made, by the names that mdadm gives them', () => {
    const part = (kname: string): BlockDevice =>
      device(kname, 'part', 1000, {
        fstype: 'linux_raid_member',
        children: [device('md127', 'raid0', 1996, { fstype: 'ext4', uuid: id(5) })],
      });
    const layout = layoutOf({
      ...machine,
      devices: ['sda', 'sdb'].map((name) => device(name, 'disk', 1002, { children: [part(`${name}1`)] })),
      tables: new Map(
        ['sda', 'sdb'].map((name) => [
          name,
          { label: 'dos', partitions: [{ node: `/dev/${name}1`, start: 2048, size: 2048000, type: 'fd' }] },
        ]),
      ),
      groups: [],
      raids: new Map([
        [
          'md127',
          {
            MD_LEVEL: 'raid0',
            MD_METADATA: '1.2',
            MD_UUID: '0BADCAFE:11111111:22222222:33333333',
            MD_DEVNAME: 'golden:data',
            [chunkBytes]: '65536',
          },
        ],
      ]),
      mounts: [{ target: '/', source: '/dev/md127', fstype: 'ext4', subvolume: '', used: 0 }],
      swaps: [],
    });
    expect(layout.raids).toEqual([
      {
        name: 'data',
        level: 'raid0',
        metadata: '1.2',
        uuid: '0badcafe:11111111:22222222:33333333',
        chunkBytes: 65536,
        members: ['disk1.1', 'disk2.1'],
      },
    ]);
    expect(layout.filesystems).toMatchObject([{ on: 'data', type: 'ext4' }]);
  });

  it('has the default subvolume of a btrfs', () => {
    const [vda] = machine.devices;
    if (vda === undefined) throw new Error('no disk');
    const root = device('vda1', 'part', 3000, { fstype: 'btrfs', uuid: id(5) });
    const layout = layoutOf({
      ...machine,
      devices: [{ ...vda, children: [root] }],
      tables: new Map([
        ['vda', { label: 'dos', partitions: [{ node: '/dev/vda1', start: 2048, size: 6144000, type: '83' }] }],
      ]),
      groups: [],
      mounts: [{ target: '/', source: '/dev/vda1', fstype: 'btrfs', subvolume: '@/snap', used: 0 }],
      swaps: [],
      subvolumes: new Map([['/dev/vda1', ['@', '@/snap']]]),
      defaults: new Map([['/dev/vda1', '@/snap']]),
    });
    expect(layout.filesystems).toMatchObject([{ defaultSubvolume: '@/snap', subvolumes: ['@', '@/snap'] }]);
  });

  it('takes in a disk that is only swapped to', () => {
    const [vda, vdb] = machine.devices;
    if (vda === undefined || vdb === undefined) throw new Error('no disks');
    const swap = device('vdb1', 'part', 1, { fstype: 'swap', uuid: id(7) });
    const table = {
      label: 'gpt',
      partitions: [{ node: '/dev/vdb1', start: 2048, size: 2048, type: '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F' }],
    };
    const layout = layoutOf({
      ...machine,
      devices: [vda, { ...vdb, size: 4 * mebibyte, children: [swap] }],
      tables: new Map([...machine.tables, ['vdb', table]]),
      swaps: ['/dev/dm-0', '/dev/vdb1'],
    });
    expect(layout.disks.map(({ name }) => name)).toEqual(['disk1', 'disk2']);
  });
});
