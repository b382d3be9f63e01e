import type { Disk, Firmware, Layout, Partition } from './layout.ts';
import { disksBelow, isBiosBoot, isEsp, isExtended, mountedAt, partitionTypes } from './layout.ts';
import { mebibyte } from './size.ts';

const espBytes = 256 * mebibyte;

/**
 * The layout for a machine that starts in another way: an EFI system partition, or room for GRUB's core image, where
 * there is none. An MBR becomes a GPT for UEFI. What serves the other firmware stays.
 */
export function forFirmware(layout: Layout, firmware: Firmware): Layout {
  if (layout.firmware === firmware) return layout;
  const boot = mountedAt(layout, '/boot') ?? mountedAt(layout, '/');
  const bootDisks = boot === undefined ? [] : disksBelow(layout, boot.on);
  return firmware === 'uefi' ? forUefi(layout, bootDisks[0] ?? '') : forBios(layout, bootDisks);
}

function forUefi(layout: Layout, bootDisk: string): Layout {
  const mounted = mountedAt(layout, '/boot/efi') ?? mountedAt(layout, '/efi');
  const disks = layout.disks.map((disk) => (disk.name === bootDisk ? withGpt(disk) : disk));
  const there = disks.some((disk) => disk.partitions.some((one) => isEsp(disk, one) && one.name === mounted?.on));
  if (there) return { ...layout, firmware: 'uefi', disks };
  const esp = (disk: Disk): Partition => ({
    ...freshPartition(disk),
    bytes: espBytes,
    type: partitionTypes.gpt.esp,
    label: 'EFI System Partition',
  });
  const at = disks.find((disk) => disk.name === bootDisk);
  if (at === undefined) return { ...layout, firmware: 'uefi', disks };
  return {
    ...layout,
    firmware: 'uefi',
    disks: disks.map((disk) => (disk === at ? { ...disk, partitions: [esp(disk), ...disk.partitions] } : disk)),
    filesystems: [
      ...layout.filesystems,
      {
        on: freshPartition(at).name,
        type: 'vfat',
        uuid: '',
        usedBytes: 0,
        options: { fat: '32' },
        mounts: [{ at: '/boot/efi' }],
      },
    ],
  };
}

function forBios(layout: Layout, bootDisks: readonly string[]): Layout {
  const disks = layout.disks.map((disk) => {
    if (!bootDisks.includes(disk.name) || disk.table !== 'gpt') return disk;
    if (disk.partitions.some((one) => isBiosBoot(disk, one))) return disk;
    const core: Partition = { ...freshPartition(disk), bytes: mebibyte, type: partitionTypes.gpt.biosBoot };
    return { ...disk, partitions: [core, ...disk.partitions] };
  });
  return { ...layout, firmware: 'bios', disks };
}

/** The lowest number that no partition has: the others keep theirs. */
function freshPartition(disk: Disk): { name: string; number: number } {
  let number = 1;
  while (disk.partitions.some((one) => one.number === number)) number += 1;
  return { name: `${disk.name}.${number}`, number };
}

const gptTypes: Readonly<Record<string, string>> = {
  [partitionTypes.mbr.esp]: partitionTypes.gpt.esp,
  [partitionTypes.mbr.prep]: partitionTypes.gpt.prep,
  [partitionTypes.mbr.swap]: partitionTypes.gpt.swap,
  [partitionTypes.mbr.lvm]: partitionTypes.gpt.lvm,
  [partitionTypes.mbr.raid]: partitionTypes.gpt.raid,
};

function withGpt(disk: Disk): Disk {
  if (disk.table === 'gpt') return disk;
  const partitions = disk.partitions
    .filter((one) => !isExtended(disk, one))
    .map(({ name, number, bytes, type, grow }): Partition => ({
      name,
      number,
      bytes,
      type: gptTypes[type] ?? partitionTypes.gpt.linux,
      ...(grow === true && { grow }),
    }));
  return { ...disk, table: 'gpt', partitions };
}
