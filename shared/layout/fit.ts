import { HostlerError } from '../errors/error.ts';
import type { Disk, Filesystem, Layout, Partition, Raid, VolumeGroup } from './layout.ts';
import { isBiosBoot, isEsp, isExtended, partitionTypes } from './layout.ts';
import { mebibyte, roundDown, roundUp, showSize } from './size.ts';

/** Before the first partition, between an MBR's logical ones, and for the second table of a GPT. */
const margin = mebibyte;

/** What an MBR can count. */
const mbrMost = 2 ** 32 * 512;

/** What a disk must have for its partitions as they are. */
export function neededBytes(disk: Disk): number {
  return disk.partitions.reduce((sum, one) => sum + spanOf(disk, one), 2 * margin);
}

/** Room that a partition takes on the disk, with what must lie before it. An extended one is made of its logical ones. */
export function spanOf(disk: Disk, partition: Partition): number {
  if (isExtended(disk, partition)) return 0;
  const logical = disk.table === 'mbr' && partition.number > 4;
  return roundUp(partition.bytes, mebibyte) + (logical ? margin : 0);
}

/**
 * The layout on disks of other sizes: on each disk one partition takes what there is more, or gives what there is
 * less; RAIDs, volume groups and one volume of each follow. Throws `failed_precondition` when the content would not
 * fit, or a disk is smaller and that was not allowed.
 */
export function fitted(layout: Layout, sizes: ReadonlyMap<string, number>, smaller: boolean): Layout {
  const disks = layout.disks.map((disk) => fitDisk(layout, disk, sizes.get(disk.name) ?? disk.bytes, smaller));
  const bytes = new Map(disks.flatMap((disk) => disk.partitions.map((one) => [one.name, one.bytes] as const)));
  for (const raid of layout.raids) bytes.set(raid.name, raidBytes(raid, bytes));
  const groups = layout.groups.map((group) => fitGroup(layout, group, bytes, smaller));
  for (const group of groups)
    for (const volume of group.volumes) bytes.set(`${group.name}/${volume.name}`, volume.bytes);
  for (const filesystem of layout.filesystems) requireRoom(filesystem, bytes.get(filesystem.on) ?? 0);
  return { ...layout, disks, groups };
}

function fitDisk(layout: Layout, disk: Disk, bytes: number, smaller: boolean): Disk {
  const room = disk.table === 'mbr' ? Math.min(bytes, mbrMost) : bytes;
  const extra = roundDown(room - neededBytes(disk), mebibyte);
  if (extra < 0 && !smaller) {
    throw new HostlerError(
      'failed_precondition',
      `${disk.name} needs ${showSize(neededBytes(disk))}, the disk has ${showSize(bytes)}. Nothing was written. Where the content fits, a smaller disk can be allowed.`,
    );
  }
  const elastic = elasticPartition(layout, disk);
  if (elastic === undefined || extra === 0) {
    if (extra < 0) throw tooSmall(disk.name, neededBytes(disk), bytes);
    return { ...disk, bytes };
  }
  const size = roundUp(elastic.bytes, mebibyte) + extra;
  if (size < mebibyte) throw tooSmall(disk.name, neededBytes(disk) - elastic.bytes, bytes);
  const partitions = disk.partitions.map((one) => (one === elastic ? { ...one, bytes: size } : one));
  return { ...disk, bytes, partitions };
}

function elasticPartition(layout: Layout, disk: Disk): Partition | undefined {
  const able = disk.partitions.filter((one) => {
    if (isExtended(disk, one) || isEsp(disk, one) || isBiosBoot(disk, one)) return false;
    if (one.type === partitionTypes[disk.table].prep) return false;
    return layout.filesystems.find(({ on }) => on === one.name)?.type !== 'swap';
  });
  return able.find((one) => one.grow === true) ?? able.at(-1);
}

/** What a RAID surely offers; its superblock, bitmap and alignment take a little (mdadm(8), --data-offset). */
function raidBytes(raid: Raid, bytes: ReadonlyMap<string, number>): number {
  const members = raid.members.map((name) => bytes.get(name) ?? 0).map((size) => size - size / 512 - 4 * mebibyte);
  const least = Math.max(0, Math.min(...members));
  const count = members.length;
  const times = { raid0: count, raid1: 1, raid4: count - 1, raid5: count - 1, raid6: count - 2, raid10: count / 2 };
  return roundDown(least * times[raid.level], mebibyte);
}

/** Before the first extent of a physical volume. */
const headerBytes = mebibyte;

function fitGroup(
  layout: Layout,
  group: VolumeGroup,
  bytes: ReadonlyMap<string, number>,
  smaller: boolean,
): VolumeGroup {
  const extent = group.extentBytes;
  const total = group.members
    .map((name) => roundDown(Math.max(0, (bytes.get(name) ?? 0) - headerBytes), extent))
    .reduce((sum, one) => sum + one, 0);
  const volumes = group.volumes.map((volume) => ({ ...volume, bytes: roundUp(volume.bytes, extent) }));
  const wanted = volumes.reduce((sum, volume) => sum + volume.bytes, 0);
  const over = total - wanted - roundUp(group.freeBytes, extent);
  if (over >= 0) return { ...group, volumes: changed(layout, group.name, volumes, over), freeBytes: group.freeBytes };
  // What no volume has is given first; a little may be missing for want of alignment on any machine.
  if (total >= wanted) return { ...group, volumes, freeBytes: total - wanted };
  const missing = wanted - total;
  if (!smaller && missing > 8 * extent) throw tooSmall(`the volume group ${group.name}`, wanted, total);
  const shrunk = changed(layout, group.name, volumes, -missing);
  if (shrunk.some((volume) => volume.bytes < extent)) throw tooSmall(`the volume group ${group.name}`, wanted, total);
  return { ...group, volumes: shrunk, freeBytes: 0 };
}

/** The volume that `elasticVolume` names, larger by `bytes`. */
function changed(
  layout: Layout,
  group: string,
  volumes: readonly VolumeGroup['volumes'][number][],
  bytes: number,
): VolumeGroup['volumes'] {
  const elastic = elasticVolume(layout, group, volumes);
  return volumes.map((volume) => (volume.name === elastic ? { ...volume, bytes: volume.bytes + bytes } : volume));
}

/** The marked volume, else the last that is not swap. */
export function elasticVolume(layout: Layout, group: string, volumes: VolumeGroup['volumes']): string | undefined {
  const swap = (name: string): boolean =>
    layout.filesystems.some(({ on, type }) => type === 'swap' && on === `${group}/${name}`);
  const able = volumes.filter((volume) => !swap(volume.name));
  return (volumes.find((volume) => volume.grow === true) ?? able.at(-1))?.name;
}

/** A file system needs some room for itself, and an installed system some to live. */
function requireRoom(filesystem: Filesystem, bytes: number): void {
  const needed = Math.ceil(filesystem.usedBytes * 1.06) + (filesystem.usedBytes > 0 ? 8 * mebibyte : 0);
  if (bytes >= needed && bytes > 0) return;
  const at = filesystem.mounts[0]?.at ?? filesystem.on;
  throw new HostlerError(
    'failed_precondition',
    `The content of ${at} takes ${showSize(filesystem.usedBytes)} and would not fit into ${showSize(bytes)}. Nothing was written. Take a larger disk.`,
  );
}

function tooSmall(what: string, needed: number, bytes: number): HostlerError {
  return new HostlerError(
    'failed_precondition',
    `${what} needs ${showSize(needed)} and would have ${showSize(bytes)}. Nothing was written. Take a larger disk.`,
  );
}
