/*
 * How a machine's disks are laid out, as data: what a capture writes down, what an administrator may edit, and what an
 * installation is planned from. Sizes are bytes. Parts refer to each other by name: a partition is `disk1.2`, a RAID
 * `md0`, a volume `vg0/root`.
 */

export interface Layout {
  readonly format: 1;
  /** How the machine that was captured starts. */
  readonly firmware: Firmware;
  readonly disks: readonly Disk[];
  readonly raids: readonly Raid[];
  readonly groups: readonly VolumeGroup[];
  readonly filesystems: readonly Filesystem[];
}

export type Firmware = 'bios' | 'uefi';

export interface Disk {
  /** `disk1`, `disk2` ...: the parts of the layout call it so, whatever it is called on a machine. */
  readonly name: string;
  readonly bytes: number;
  readonly table: 'gpt' | 'mbr';
  /** Which disk of a machine it is, where that is to be decided by more than its size; the first that is given counts. */
  readonly serial?: string;
  /** Link below /dev/disk/by-path. */
  readonly path?: string;
  /** No other disk than the one with this serial number or path will do. */
  readonly only?: true;
  readonly partitions: readonly Partition[];
}

export interface Partition {
  /** `disk1.2`: disk and number. */
  readonly name: string;
  readonly number: number;
  readonly bytes: number;
  /** GUID in capitals (GPT), or two hexadecimal digits (MBR). */
  readonly type: string;
  /** Name in a GPT. */
  readonly label?: string;
  /** The boot flag of an MBR. */
  readonly active?: true;
  /** Takes the room that a larger disk has, gives what a smaller one has not. Without any the last fitting one does. */
  readonly grow?: true;
}

export interface Raid {
  /** `md0`; without the folder. */
  readonly name: string;
  readonly level: 'raid0' | 'raid1' | 'raid4' | 'raid5' | 'raid6' | 'raid10';
  /** Superblock format: 1.2, 1.1, 1.0, 0.90 */
  readonly metadata: string;
  readonly members: readonly string[];
  /** What it was called where it was captured, as mdadm writes it: four times eight digits between colons. */
  readonly uuid?: string;
  /** Of striped levels. */
  readonly chunkBytes?: number;
}

export interface VolumeGroup {
  readonly name: string;
  readonly extentBytes: number;
  /** Partitions or RAIDs. */
  readonly members: readonly string[];
  readonly volumes: readonly Volume[];
  /** Room that no volume has. */
  readonly freeBytes: number;
}

export interface Volume {
  readonly name: string;
  readonly bytes: number;
  readonly grow?: true;
}

export const filesystemTypes = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'vfat', 'swap'] as const;
export type FilesystemType = (typeof filesystemTypes)[number];

export interface Filesystem {
  /** Partition, RAID or volume. */
  readonly on: string;
  readonly type: FilesystemType;
  /** What it was called where it was captured: fstab and boot loader know it by that. Empty in a layout written by hand. */
  readonly uuid: string;
  readonly partuuid?: string;
  readonly label?: string;
  /** Device files that named it there, as a table may call it: `/dev/sda2`, `/dev/disk/by-id/...`. */
  readonly names?: readonly string[];
  /** What its content takes. */
  readonly usedBytes: number;
  /** How it was made, by the words of its own tools: an old boot loader reads only what it knows. See `makeOptions`. */
  readonly options: Readonly<Record<string, string>>;
  /** Empty for swap, and for what is not mounted. */
  readonly mounts: readonly Mount[];
  /** btrfs: paths from the top, parents first. */
  readonly subvolumes?: readonly string[];
  /** btrfs: the one that is mounted where nobody names one; the top where there is none. */
  readonly defaultSubvolume?: string;
}

export interface Mount {
  /** Absolute; `/` is the root. */
  readonly at: string;
  /** btrfs: path from the top. */
  readonly subvolume?: string;
}

/** Partition types that the planner itself has to know, by table. */
export const partitionTypes = {
  gpt: {
    esp: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
    biosBoot: '21686148-6449-6E6F-744E-656564454649',
    prep: '9E1A2D38-C612-4316-AA26-8B49521E5A8B',
    linux: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
    swap: '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F',
    lvm: 'E6D6D379-F507-44C2-A23C-238F2A3DF928',
    raid: 'A19D880F-05FC-4D3B-A006-743F0F84911E',
  },
  mbr: { esp: 'ef', extended: '05', prep: '41', linux: '83', swap: '82', lvm: '8e', raid: 'fd' },
} as const;

/** An extended partition of an MBR holds the others with numbers from 5. */
export function isExtended(disk: Disk, partition: Partition): boolean {
  return disk.table === 'mbr' && ['05', '0f', '85'].includes(partition.type);
}

export function isEsp(disk: Disk, partition: Partition): boolean {
  return partition.type === partitionTypes[disk.table].esp;
}

export function isBiosBoot(disk: Disk, partition: Partition): boolean {
  return disk.table === 'gpt' && partition.type === partitionTypes.gpt.biosBoot;
}

/** The file system that is mounted there. */
export function mountedAt(layout: Layout, path: string): Filesystem | undefined {
  return layout.filesystems.find((filesystem) => filesystem.mounts.some((mount) => mount.at === path));
}

/** Partitions that a partition, RAID or volume rests on. */
export function partitionsBelow(layout: Layout, name: string): readonly string[] {
  const raid = layout.raids.find((one) => one.name === name);
  if (raid) return raid.members.flatMap((member) => partitionsBelow(layout, member));
  const group = layout.groups.find((one) => one.volumes.some((volume) => `${one.name}/${volume.name}` === name));
  if (group) return group.members.flatMap((member) => partitionsBelow(layout, member));
  return [name];
}

/** Disks that it rests on, by name. */
export function disksBelow(layout: Layout, name: string): readonly string[] {
  return [...new Set(partitionsBelow(layout, name).map((partition) => partition.split('.')[0] ?? ''))];
}
