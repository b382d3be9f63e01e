import { describe, expect, it } from 'vitest';
import { fittedFstab, fittedTable } from '../../../../shared/layout/fstab.ts';
import { forFirmware } from '../../../../shared/layout/firmware.ts';
import { freshIds, renamed, withNewIds } from '../../../../shared/layout/ids.ts';
import { counted, filesystem, lvm, plain } from './samples.ts';

describe('tables of the captured machine', () => {
  it('name the new file systems, and keep what is not about them', () => {
    const ids = freshIds(lvm, counted());
    const [, boot, root] = lvm.filesystems;
    const text = [
      '# a comment with UUID=ABCD-1234',
      `UUID=${root?.uuid ?? ''}  /   xfs defaults 0 0`,
      '/dev/vda2\t/boot ext4 defaults 0 2',
      'UUID="ABCD-1234" /boot/efi vfat umask=0077 0 1',
      '/dev/vg0/swap none swap sw 0 0',
      '/dev/mapper/vg0-swap none swap sw 0 0',
      'server:/home /home nfs4 _netdev 0 0',
      'LABEL=data /data ext4 noauto 0 0',
      '',
    ].join('\n');
    expect(fittedFstab(text, lvm, ids).split('\n')).toEqual([
      '# a comment with UUID=ABCD-1234',
      `UUID=${ids.filesystems.get('vg0/root') ?? ''}  /   xfs defaults 0 0`,
      `UUID=${ids.filesystems.get(boot?.on ?? '') ?? ''}\t/boot ext4 defaults 0 2`,
      `UUID="${ids.filesystems.get('disk1.1') ?? ''}" /boot/efi vfat umask=0077 0 1`,
      '/dev/vg0/swap none swap sw 0 0',
      '/dev/mapper/vg0-swap none swap sw 0 0',
      'server:/home /home nfs4 _netdev 0 0',
      'LABEL=data /data ext4 noauto 0 0',
      '',
    ]);
  });

  it('gain what the planner put in', () => {
    const layout = forFirmware(plain, 'uefi');
    const ids = freshIds(layout, counted());
    expect(fittedFstab('# nothing\n', layout, ids)).toBe(
      `# nothing\nUUID=${ids.filesystems.get('disk1.2') ?? ''} /boot/efi vfat umask=0077 0 2\n`,
    );
  });

  it('get what a layout that was written by hand has: subvolumes and swap', () => {
    const layout = {
      ...lvm,
      filesystems: [
        { ...filesystem('disk1.2', 'btrfs', ''), uuid: '', mounts: [{ at: '/', subvolume: '@' }] },
        { ...filesystem('vg0/swap', 'swap', ''), uuid: '' },
      ],
    };
    const ids = freshIds(layout, counted());
    const [root, swap] = [ids.filesystems.get('disk1.2') ?? '', ids.filesystems.get('vg0/swap') ?? ''];
    expect(fittedFstab('', layout, ids)).toBe(`\nUUID=${root} / btrfs subvol=/@ 0 1\nUUID=${swap} none swap sw 0 0\n`);
    expect(fittedFstab('/swapfile none swap sw 0 0\n', layout, ids)).not.toContain(swap);
  });

  it('are followed by device names in another column, and by partition ids', () => {
    const ids = freshIds(plain, counted());
    expect(fittedTable('swap /dev/sda5 /dev/urandom swap,cipher=aes', 1, plain, ids)).toBe(
      `swap UUID=${ids.filesystems.get('disk1.5') ?? ''} /dev/urandom swap,cipher=aes`,
    );
    expect(withNewIds('root=PARTUUID=DEADBEEF-06 ro', renamed(plain, ids))).toMatch(
      /^root=PARTUUID=[0-9a-f]{8}-06 ro$/,
    );
  });

  it('keep ids that are somebody else’s, and longer words that hold one', () => {
    const names = renamed(lvm, freshIds(lvm, counted()));
    for (const text of ['ABCD-12345', 'xABCD-1234-1', '11111111-2222-4333-8444-555555555555'])
      expect(withNewIds(text, names)).toBe(text);
  });
});
