import { describe, expect, it } from 'vitest';
import {
  btrfsSnapshot,
  lvmSnapshot,
  parseLvs,
  type LvmVolume,
} from '../../../../../agent/tasks/clone/capture/snapshots.ts';

/* Command lines as lvcreate(8), lvremove(8), mount(8) and btrfs-subvolume(8) have them; not run on this kernel. */

const gib = 2 ** 30;
const volume: LvmVolume = {
  group: 'vg0',
  volume: 'root',
  device: '/dev/mapper/vg0-root',
  bytes: 20 * gib,
  freeBytes: 2 * gib,
  layout: 'linear',
};

describe('a snapshot of LVM', () => {
  it('takes a fifth of the volume or what is free, is read-only, and is mounted without its log', () => {
    expect(lvmSnapshot('/', 'xfs', volume, 'hostler-ab12-0')).toEqual({
      make: [
        ...[
          'lvcreate',
          '--snapshot',
          '--permission',
          'r',
          '--size',
          `${2 * gib}b`,
          '--name',
          'hostler-ab12-0',
          '--yes',
        ],
        'vg0/root',
      ],
      remove: ['lvremove', '--yes', 'vg0/hostler-ab12-0'],
      view: {
        at: '/',
        mount: ['device', 'xfs', 'ro,nouuid,norecovery', '/dev/vg0/hostler-ab12-0'],
        how: 'from a snapshot of LVM',
      },
    });
    const large = lvmSnapshot('/', 'ext4', { ...volume, freeBytes: 50 * gib }, 'n');
    expect(large?.make).toContain(`${4 * gib}b`);
    expect(large?.view.mount).toContain('ro,noload');
  });

  it.each([
    ['too little is free', { freeBytes: 100 * 2 ** 20 }],
    ['the volume is thin', { layout: 'thin,sparse' }],
    ['the volume is a snapshot itself', { layout: 'linear,snapshot' }],
  ])('is not taken where %s', (_, change) => {
    expect(lvmSnapshot('/', 'ext4', { ...volume, ...change }, 'n')).toBeUndefined();
  });
});

it('a snapshot of btrfs lies in the file system, hidden, and is read-only', () => {
  expect(btrfsSnapshot('/home', 'hostler-ab12-1')).toEqual({
    make: ['btrfs', 'subvolume', 'snapshot', '-r', '/home', '/home/.hostler-ab12-1'],
    remove: ['btrfs', 'subvolume', 'delete', '/home/.hostler-ab12-1'],
    view: { at: '/home', mount: ['bind', '/home/.hostler-ab12-1'], how: 'from a snapshot of btrfs' },
  });
});

it('reads the report of lvs', () => {
  const lv = {
    ...{ vg_name: 'vg0', lv_name: 'root', lv_dm_path: '/dev/mapper/vg0-root', lv_layout: 'linear' },
    ...{ lv_size: String(20 * gib), vg_free: String(2 * gib) },
  };
  expect(parseLvs(JSON.stringify({ report: [{ lv: [lv] }], log: [] }))).toEqual([volume]);
});
