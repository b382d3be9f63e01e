import type { Ids } from './ids.ts';
import { mbrId, raidId } from './ids.ts';
import type { Disk, Filesystem, Layout, Mount, VolumeGroup } from './layout.ts';
import { isExtended } from './layout.ts';
import { elasticVolume, spanOf } from './fit.ts';
import { makeOptions } from './options.ts';
import { mebibyte, roundUp } from './size.ts';
import { partitionDevice } from './target.ts';
import type { TargetDisk } from './target.ts';

/** One program to be run on the machine that is installed. */
export interface DiskStep {
  /** What is said while it runs. */
  readonly title: string;
  readonly argv: readonly string[];
  /** Its standard input. */
  readonly input?: string;
  /** Device files that must have appeared afterwards. */
  readonly makes?: readonly string[];
}

const sectorBytes = 512;

/** lvm(8) without udev, and without its backups in a root that is gone at the reboot. */
const lvmWords = ['--config', 'activation{udev_sync=0 udev_rules=0} backup{backup=0 archive=0}', '-y'];

/** Everything between bare disks and empty file systems, in order. `layout` fits the disks already. */
export function diskSteps(layout: Layout, disks: ReadonlyMap<string, TargetDisk>, ids: Ids): readonly DiskStep[] {
  const device = devicesOf(layout, disks);
  return [
    ...layout.disks.flatMap((disk) => tableSteps(disk, disks.get(disk.name)?.device ?? '', ids)),
    ...layout.raids.map((raid): DiskStep => ({
      title: `making the RAID ${raid.name}`,
      argv: [
        ...['mdadm', '--create', device(raid.name), '--run', '--quiet', `--level=${raid.level}`],
        ...[`--raid-devices=${raid.members.length}`, `--metadata=${raid.metadata}`, '--assume-clean'],
        ...[`--uuid=${raidId(ids, raid.name)}`, '--homehost=any'],
        ...(raid.chunkBytes === undefined || raid.level === 'raid1' ? [] : [`--chunk=${raid.chunkBytes / 1024}`]),
        ...(raid.members.length === 1 ? ['--force'] : []),
        ...raid.members.map(device),
      ],
      makes: [device(raid.name)],
    })),
    ...layout.groups.flatMap((group) => groupSteps(layout, group, device)),
    ...layout.filesystems.map((filesystem): DiskStep => ({
      title: `making ${filesystem.type}${filesystem.mounts[0] ? ` for ${filesystem.mounts[0].at}` : ''}`,
      argv: makeArgv(filesystem, device(filesystem.on), ids),
    })),
  ];
}

/** Answers the device file of a partition, RAID or volume. */
export function devicesOf(layout: Layout, disks: ReadonlyMap<string, TargetDisk>): (name: string) => string {
  const partitions = new Map(
    layout.disks.flatMap((disk) =>
      disk.partitions.map(
        (one) => [one.name, partitionDevice(disks.get(disk.name)?.device ?? '', one.number)] as const,
      ),
    ),
  );
  const isRaid = (name: string): boolean => layout.raids.some((raid) => raid.name === name);
  // mdadm(8), DEVICE NAMES: what is called as the kernel calls it has its file there, any other name below /dev/md.
  return (name) => partitions.get(name) ?? (isRaid(name) && !/^md\d+$/.test(name) ? `/dev/md/${name}` : `/dev/${name}`);
}

function tableSteps(disk: Disk, device: string, ids: Ids): DiskStep[] {
  const file = `/dev/${device}`;
  return [
    { title: `clearing ${file}`, argv: ['wipefs', '--all', '--force', '--quiet', file] },
    {
      title: `partitioning ${file}`,
      argv: ['sfdisk', '--quiet', '--wipe', 'always', '--wipe-partitions', 'always', file],
      input: sfdiskScript(disk, device, ids),
      makes: disk.partitions.map((one) => partitionDevice(device, one.number)),
    },
  ];
}

/** sfdisk(8), named-fields format. Partitions lie in the order of the layout, each on a boundary of 1 MiB. */
export function sfdiskScript(disk: Disk, device: string, ids: Ids): string {
  const table = ids.tables.get(disk.name) ?? '';
  const head = [
    `label: ${disk.table === 'mbr' ? 'dos' : 'gpt'}`,
    `label-id: ${disk.table === 'mbr' ? `0x${mbrId(table)}` : table}`,
    'unit: sectors',
    '',
  ];
  let at = mebibyte;
  const lines = disk.partitions.map((one) => {
    const logical = disk.table === 'mbr' && one.number > 4;
    const start = logical ? at + mebibyte : at;
    const inside = disk.partitions
      .filter((other) => other.number > 4)
      .reduce((sum, other) => sum + spanOf(disk, other), 0);
    const extended = isExtended(disk, one);
    const bytes = extended ? inside : roundUp(one.bytes, sectorBytes);
    at += spanOf(disk, one);
    const fields = [
      `start=${start / sectorBytes}`,
      `size=${bytes / sectorBytes}`,
      `type=${one.type}`,
      ...(disk.table === 'gpt' ? [`uuid=${ids.partitions.get(one.name) ?? ''}`] : []),
      ...(one.label === undefined || disk.table === 'mbr' ? [] : [`name="${one.label}"`]),
      ...(one.active === true ? ['bootable'] : []),
    ];
    return `${partitionDevice(device, one.number)} : ${fields.join(', ')}`;
  });
  return [...head, ...lines, ''].join('\n');
}

function groupSteps(layout: Layout, group: VolumeGroup, device: (name: string) => string): DiskStep[] {
  const members = group.members.map(device);
  const last = elasticVolume(layout, group.name, group.volumes);
  // The one that takes what is left comes last, so that nothing depends on how exactly the room was reckoned.
  const order = [...group.volumes].sort((a, b) => Number(a.name === last) - Number(b.name === last));
  return [
    { title: `preparing ${members.join(', ')} for LVM`, argv: ['lvm', 'pvcreate', ...lvmWords, '-ff', ...members] },
    {
      title: `making the volume group ${group.name}`,
      argv: ['lvm', 'vgcreate', ...lvmWords, '--physicalextentsize', `${group.extentBytes}b`, group.name, ...members],
    },
    ...order.map((volume): DiskStep => {
      const rest = volume.name === last && group.freeBytes === 0;
      const size = rest ? ['--extents', '100%FREE'] : ['--size', `${volume.bytes}b`];
      return {
        title: `making the volume ${group.name}/${volume.name}`,
        argv: ['lvm', 'lvcreate', ...lvmWords, '-Wn', '-Zn', ...size, '--name', volume.name, group.name],
        makes: [`/dev/${group.name}/${volume.name}`],
      };
    }),
  ];
}

/** The program that makes a file system, its id and label options. */
const makers: Readonly<
  Record<Filesystem['type'], { argv: readonly string[]; label: string; id: (id: string) => string[] }>
> = {
  ext2: { argv: ['mkfs.ext2', '-q', '-F'], label: '-L', id: (id) => ['-U', id] },
  ext3: { argv: ['mkfs.ext3', '-q', '-F'], label: '-L', id: (id) => ['-U', id] },
  ext4: { argv: ['mkfs.ext4', '-q', '-F'], label: '-L', id: (id) => ['-U', id] },
  xfs: { argv: ['mkfs.xfs', '-q', '-f'], label: '-L', id: (id) => ['-m', `uuid=${id}`] },
  btrfs: { argv: ['mkfs.btrfs', '--quiet', '--force'], label: '--label', id: (id) => ['--uuid', id] },
  vfat: { argv: ['mkfs.vfat'], label: '-n', id: (id) => ['-i', id.replace('-', '')] },
  swap: { argv: ['mkswap'], label: '--label', id: (id) => ['--uuid', id] },
};

function makeArgv(filesystem: Filesystem, device: string, ids: Ids): readonly string[] {
  const maker = makers[filesystem.type];
  const allowed = makeOptions[filesystem.type];
  const options = Object.entries(filesystem.options).flatMap(([name, value]) => allowed[name]?.args(value) ?? []);
  const label = filesystem.label === undefined ? [] : [maker.label, filesystem.label];
  return [...maker.argv, ...options, ...maker.id(ids.filesystems.get(filesystem.on) ?? ''), ...label, device];
}

/** Mounts everything below `root`, parents first; a btrfs gets its subvolumes before. */
export function mountSteps(layout: Layout, disks: ReadonlyMap<string, TargetDisk>, root: string): readonly DiskStep[] {
  const device = devicesOf(layout, disks);
  const steps: DiskStep[] = [];
  for (const filesystem of layout.filesystems.filter(({ subvolumes }) => subvolumes !== undefined)) {
    const top = `${root}.btrfs`;
    const paths = filesystem.subvolumes ?? [];
    steps.push(
      { title: `making subvolumes of ${filesystem.on}`, argv: ['mkdir', '-p', top] },
      {
        title: `mounting ${filesystem.on}`,
        argv: ['mount', '-t', 'btrfs', '-o', 'subvolid=5', device(filesystem.on), top],
      },
      ...paths.flatMap((path): DiskStep[] => [
        ...(path.includes('/')
          ? [{ title: `making ${path}`, argv: ['mkdir', '-p', `${top}/${path.replace(/\/[^/]*$/, '')}`] }]
          : []),
        { title: `making the subvolume ${path}`, argv: ['btrfs', 'subvolume', 'create', `${top}/${path}`] },
      ]),
      ...(filesystem.defaultSubvolume === undefined
        ? []
        : [
            {
              title: `making ${filesystem.defaultSubvolume} the default`,
              argv: ['btrfs', 'subvolume', 'set-default', `${top}/${filesystem.defaultSubvolume}`],
            },
          ]),
      { title: `unmounting ${filesystem.on}`, argv: ['umount', top] },
    );
  }
  const all = layout.filesystems.flatMap((filesystem) => filesystem.mounts.map((mount) => ({ filesystem, mount })));
  for (const { filesystem, mount } of all.sort(
    (a, b) => depth(a.mount) - depth(b.mount) || (a.mount.at < b.mount.at ? -1 : 1),
  )) {
    const at = mount.at === '/' ? root : `${root}${mount.at}`;
    const options = mount.subvolume === undefined ? [] : ['-o', `subvol=/${mount.subvolume}`];
    steps.push(
      { title: `making ${mount.at}`, argv: ['mkdir', '-p', at] },
      { title: `mounting ${mount.at}`, argv: ['mount', '-t', filesystem.type, ...options, device(filesystem.on), at] },
    );
  }
  return steps;
}

function depth(mount: Mount): number {
  return mount.at === '/' ? 0 : mount.at.split('/').length;
}
