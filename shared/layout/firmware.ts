import type { Disk, Filesystem, Firmware, Layout, Partition } from './layout.ts';
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
  if (firmware === 'bios') return forBios(layout, bootDisks);
  // Where one disk of several may be gone, each can start the machine.
  return forUefi(layout, boot !== undefined && isRedundant(layout, boot.on) ? bootDisks : bootDisks.slice(0, 1));
}

/** Rests on a RAID that may lose a disk. */
function isRedundant(layout: Layout, name: string): boolean {
  const raid = layout.raids.find((one) => one.name === name);
  if (raid !== undefined) return raid.level !== 'raid0';
  const group = layout.groups.find((one) => one.volumes.some((volume) => `${one.name}/${volume.name}` === name));
  return group?.members.every((member) => isRedundant(layout, member)) ?? false;
}

function forUefi(layout: Layout, bootDisks: readonly string[]): Layout {
  const mounted = mountedAt(layout, '/boot/efi') ?? mountedAt(layout, '/efi');
  const disks = layout.disks.map((disk) => (bootDisks.includes(disk.name) ? withGpt(disk) : disk));
  const there = disks.some((disk) => disk.partitions.some((one) => isEsp(disk, one) && one.name === mounted?.on));
  if (there) return { ...layout, firmware: 'uefi', disks };
  const esp = (disk: Disk): Partition => ({
    ...freshPartition(disk),
    bytes: espBytes,
    type: partitionTypes.gpt.esp,
    label: 'EFI System Partition',
  });
  const takers = disks.filter(({ name }) => bootDisks.includes(name));
  return {
    ...layout,
    firmware: 'uefi',
    disks: disks.map((disk) =>
      takers.includes(disk) ? { ...disk, partitions: [esp(disk), ...disk.partitions] } : disk,
    ),
    filesystems: [
      ...layout.filesystems,
      // The first is mounted; the others get a copy of what is in it (`spareEsps`).
      ...takers.map((disk, index): Filesystem => ({
        on: freshPartition(disk).name,
        type: 'vfat',
        uuid: '',
        usedBytes: 0,
        options: { fat: '32' },
        mounts: index === 0 ? [{ at: '/boot/efi' }] : [],
      })),
    ],
  };
}

/** EFI system partitions that nothing mounts: firmware starts from them when the disk of the mounted one is gone. */
export function spareEsps(layout: Layout): readonly string[] {
  if (mountedAt(layout, '/boot/efi') === undefined) return [];
  const esps = layout.disks.flatMap((disk) =>
    disk.partitions.filter((one) => isEsp(disk, one)).map(({ name }) => name),
  );
  return layout.filesystems
    .filter(({ on, type, mounts }) => type === 'vfat' && mounts.length === 0 && esps.includes(on))
    .map(({ on }) => on);
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
