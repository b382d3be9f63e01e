import { describe, expect, it } from 'vitest';
import { isOnDisk } from '../../../../../agent/tasks/clone/capture/describe.ts';
import { layoutOf } from '../../../../../agent/tasks/clone/machine/layout-of.ts';
import type { BlockDevice, MachineReport } from '../../../../../agent/tasks/clone/machine/report.ts';

const gib = 2 ** 30;

function machine(fstype: string, type = 'part'): MachineReport {
  const none = { uuid: null, label: null, partuuid: null, serial: null };
  const part = (kname: string, what: string | null, more: Partial<BlockDevice> = {}): BlockDevice => ({
    ...{ kname, path: `/dev/${kname}`, type: 'part', size: 4 * gib, fstype: what, ...none },
    ...more,
  });
  const odd = part('sda2', fstype, { type });
  return {
    firmware: 'bios',
    devices: [
      {
        ...{ kname: 'sda', path: '/dev/sda', type: 'disk', size: 10 * gib, fstype: null, ...none },
        children: [part('sda1', 'ext4'), odd],
      },
    ],
    tables: new Map([
      [
        'sda',
        {
          label: 'dos',
          partitions: [
            { node: '/dev/sda1', start: 2048, size: 8 * 2 ** 20, type: '83' },
            { node: '/dev/sda2', start: 9 * 2 ** 20, size: 8 * 2 ** 20, type: '83' },
          ],
        },
      ],
    ]),
    ...{ groups: [], raids: new Map(), swaps: [], made: new Map(), subvolumes: new Map(), defaults: new Map() },
    paths: new Map(),
    mounts: [{ target: '/', source: '/dev/sda1', fstype: 'ext4', subvolume: '', used: gib }],
    links: new Map(),
  };
}

describe('what a machine is that is to be captured', () => {
  it('is taken as it is where everything on its disks is known', () => {
    expect(layoutOf(machine('ext4')).filesystems.map(({ on }) => on)).toEqual(['disk1.1', 'disk1.2']);
  });

  it.each(['zfs_member', 'reiserfs', 'crypto_LUKS', 'ntfs'])(
    'is refused by name for a %s, and never captured without it',
    (fstype) => {
      expect(() => layoutOf(machine(fstype))).toThrow(
        new RegExp(`cannot be captured: /dev/sda2 holds ${fstype}, which cannot be made on another machine yet`),
      );
    },
  );
});

it('file systems of memory and of other machines are on no disk', () => {
  expect(isOnDisk('/dev/mapper/vg0-root', 'xfs')).toBe(true);
  for (const [source, fstype] of [
    ['server:/export', 'nfs4'],
    ['tmpfs', 'tmpfs'],
    ['overlay', 'overlay'],
    ['/dev/loop0', 'squashfs'],
  ] as const)
    expect(isOnDisk(source, fstype)).toBe(false);
});
