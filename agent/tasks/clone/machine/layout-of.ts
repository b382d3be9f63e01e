import { checkedLayout } from '../../../../shared/layout/check.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { filesystemTypes, isExtended } from '../../../../shared/layout/layout.ts';
import type {
  Disk,
  Filesystem,
  FilesystemType,
  Layout,
  Partition,
  Raid,
  VolumeGroup,
} from '../../../../shared/layout/layout.ts';
import { chunkBytes, flat } from './report.ts';
import type { BlockDevice, MachineReport, PartitionTable } from './report.ts';

const sector = 512;

/**
 * The layout of the disks that this machine lives on. Whatever cannot be made again in another place (an unknown file
 * system, encryption, thin volumes) is an error that names it: `failed_precondition`; nothing is left out in silence.
 */
export function layoutOf(report: MachineReport): Layout {
  const devices = new Map(flat(report.devices).map((device) => [device.kname, device]));
  // Volumes have two: the mapper's, and the kernel's own, which /proc/swaps tells.
  const byPath = new Map(
    [...devices.values()].flatMap((device) => [
      [device.path, device] as const,
      [`/dev/${device.kname}`, device] as const,
    ]),
  );
  const parents = parentsOf(report.devices);
  const used = usedDisks(report, byPath, parents);
  const numbered = new Map(used.map((disk, index) => [disk.kname, `disk${index + 1}`]));
  const names = namesOf(report, devices, parents, numbered);
  const disks = used.map((disk) => diskOf(report, disk, numbered.get(disk.kname) ?? ''));
  const inside = (device: BlockDevice): boolean => disksOf(device.kname, parents).some((disk) => numbered.has(disk));
  const raids = [...devices.values()]
    .filter((device) => device.type.startsWith('raid') && inside(device))
    .map((device) => raidOf(device, report, names, parents));
  const groups = report.groups
    .filter((group) => group.members.some((member) => inside(deviceAt(byPath, member))))
    .map((group): VolumeGroup => {
      const odd = group.volumes.find(({ segtype }) => !/^(?:linear|striped)?$/.test(segtype));
      if (odd)
        throw refused(
          `the volume ${group.name}/${odd.name} is ${odd.segtype}; linear and striped ones can be captured`,
        );
      return {
        name: group.name,
        extentBytes: group.extentBytes,
        freeBytes: group.freeBytes,
        members: group.members.map((member) => nameAt(names, byPath, member)),
        volumes: group.volumes.map(({ name, bytes }) => ({ name, bytes })),
      };
    });
  const filesystems = [...devices.values()]
    .filter((device) => inside(device) && device.fstype !== null && !containers.has(device.fstype))
    .map((device) => filesystemOf(device, report, names));
  // Checked as everything that comes from elsewhere is: what this machine calls its parts may not be fit for another.
  return checkedLayout({ format: 1, firmware: report.firmware, disks, raids, groups, filesystems });
}

/** What lsblk calls the content of a device that holds others. */
const containers = new Set(['LVM2_member', 'linux_raid_member']);

function parentsOf(devices: readonly BlockDevice[]): Map<string, string[]> {
  const parents = new Map<string, string[]>();
  const walk = (device: BlockDevice): void => {
    for (const child of device.children ?? []) {
      const known = parents.get(child.kname) ?? [];
      if (!known.includes(device.kname)) parents.set(child.kname, [...known, device.kname]);
      walk(child);
    }
  };
  devices.forEach(walk);
  return parents;
}

function disksOf(kname: string, parents: ReadonlyMap<string, readonly string[]>): string[] {
  const above = parents.get(kname);
  return above === undefined ? [kname] : [...new Set(above.flatMap((one) => disksOf(one, parents)))];
}

/** Disks that hold what is mounted or swapped to, in the kernel's order. */
function usedDisks(
  report: MachineReport,
  byPath: ReadonlyMap<string, BlockDevice>,
  parents: ReadonlyMap<string, readonly string[]>,
): BlockDevice[] {
  const names = new Set(
    [...report.mounts.map(({ source }) => source), ...report.swaps].flatMap((path) => {
      const device = byPath.get(path);
      return device === undefined ? [] : disksOf(device.kname, parents);
    }),
  );
  const disks = report.devices.filter(({ kname, type }) => type === 'disk' && names.has(kname));
  if (disks.length === 0) throw refused('its root is on no disk that it knows');
  return disks.sort((a, b) => (a.kname < b.kname ? -1 : 1));
}

function namesOf(
  report: MachineReport,
  devices: ReadonlyMap<string, BlockDevice>,
  parents: ReadonlyMap<string, readonly string[]>,
  numbered: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const device of devices.values()) {
    const [disk = ''] = parents.get(device.kname) ?? [];
    const number = /(\d+)$/.exec(device.kname)?.[1];
    if (device.type === 'part' && numbered.has(disk))
      names.set(device.kname, `${numbered.get(disk) ?? ''}.${number ?? ''}`);
    else if (device.type === 'lvm') names.set(device.kname, volumeName(device, report));
    else if (device.type.startsWith('raid')) names.set(device.kname, raidName(device, report));
    else if (device.type === 'crypt' && disksOf(device.kname, parents).some((one) => numbered.has(one)))
      throw refused(`${device.path} is encrypted, and its key cannot be taken along`);
  }
  return names;
}

function volumeName(device: BlockDevice, report: MachineReport): string {
  for (const group of report.groups) {
    for (const { name } of group.volumes) {
      // dm names double the dashes of both parts (lvm(8)).
      const mapped = `/dev/mapper/${group.name.replaceAll('-', '--')}-${name.replaceAll('-', '--')}`;
      if (mapped === device.path) return `${group.name}/${name}`;
    }
  }
  throw refused(`${device.path} is a volume that LVM does not list`);
}

/** `MD_NAME=host:data`, or what the kernel calls it. */
function raidName(device: BlockDevice, report: MachineReport): string {
  const name = (report.raids.get(device.kname)?.['MD_DEVNAME'] ?? '').replace(/^.*:/, '');
  return name !== '' ? name : device.kname;
}

function diskOf(report: MachineReport, device: BlockDevice, name: string): Disk {
  const table = report.tables.get(device.kname);
  const kind = table === undefined ? undefined : ({ gpt: 'gpt', dos: 'mbr' } as const)[table.label];
  if (table === undefined || kind === undefined) {
    throw refused(
      `${device.path} has ${table === undefined ? 'no partition table' : `a partition table of the kind ${table.label}`}; GPT and MBR can be captured`,
    );
  }
  const path = report.paths.get(device.kname);
  const serial = device.serial?.trim() ?? '';
  return {
    name,
    bytes: device.size,
    table: kind,
    ...(serial !== '' && { serial }),
    ...(path !== undefined && { path }),
    partitions: partitionsOf(table, kind, name),
  };
}

function partitionsOf(table: PartitionTable, kind: Disk['table'], disk: string): Partition[] {
  return [...table.partitions]
    .sort((a, b) => a.start - b.start)
    .map((one): Partition => {
      const number = Number(/(\d+)$/.exec(one.node)?.[1] ?? 0);
      const type = kind === 'gpt' ? one.type.toUpperCase() : one.type.toLowerCase().padStart(2, '0');
      const partition: Partition = {
        name: `${disk}.${number}`,
        number,
        bytes: one.size * (table.sectorsize ?? sector),
        type,
      };
      const label = one.name ?? '';
      return {
        ...partition,
        ...(label !== '' && kind === 'gpt' && { label }),
        ...(one.bootable === true && { active: true as const }),
      };
    })
    .map((one) =>
      isExtended({ name: disk, bytes: 0, table: kind, partitions: [] }, one) ? { ...one, bytes: 0 } : one,
    );
}

function raidOf(
  device: BlockDevice,
  report: MachineReport,
  names: ReadonlyMap<string, string>,
  parents: ReadonlyMap<string, readonly string[]>,
): Raid {
  const detail = report.raids.get(device.kname) ?? {};
  const level = detail['MD_LEVEL'] ?? device.type;
  const chunk = Number(detail[chunkBytes] ?? 0);
  return {
    name: raidName(device, report),
    level: level as Raid['level'],
    metadata: detail['MD_METADATA'] ?? '1.2',
    ...(detail['MD_UUID'] !== undefined && { uuid: detail['MD_UUID'].toLowerCase() }),
    ...(chunk > 0 && { chunkBytes: chunk }),
    members: (parents.get(device.kname) ?? []).map((parent) => names.get(parent) ?? parent),
  };
}

function filesystemOf(device: BlockDevice, report: MachineReport, names: ReadonlyMap<string, string>): Filesystem {
  const type = filesystemTypes.find((one) => one === device.fstype);
  const mounts = report.mounts.filter(({ source }) => source === device.path);
  if (type === undefined)
    throw refused(`${device.path} holds ${device.fstype ?? 'something'}, which cannot be made on another machine yet`);
  const on = names.get(device.kname);
  if (on === undefined) throw refused(`${device.path} is a whole disk without partitions`);
  const options = madeOf(report, device.path, type);
  const links = report.links.get(device.kname) ?? [];
  const subvolumes = report.subvolumes.get(device.path) ?? [];
  const first = report.defaults.get(device.path) ?? '';
  return {
    on,
    type,
    uuid: device.uuid ?? '',
    ...(device.partuuid !== null && { partuuid: device.partuuid }),
    ...(device.label !== null && { label: device.label }),
    names: [device.path, ...links.filter((link) => !link.includes('/by-uuid/') && !link.includes('/by-label/'))],
    usedBytes: Math.max(0, ...mounts.map(({ used }) => used)),
    options,
    mounts: mounts
      .filter(({ target }) => !/^\/(?:proc|sys|dev|run|tmp)(?:\/|$)/.test(target))
      .map(({ target, subvolume }) => ({ at: target, ...(subvolume !== '' && { subvolume }) })),
    ...(type === 'btrfs' && subvolumes.length > 0 && { subvolumes }),
    ...(type === 'btrfs' && first !== '' && { defaultSubvolume: first }),
  };
}

function madeOf(report: MachineReport, device: string, type: FilesystemType): Record<string, string> {
  return type === 'swap' ? {} : { ...report.made.get(device) };
}

function deviceAt(byPath: ReadonlyMap<string, BlockDevice>, path: string): BlockDevice {
  const device = byPath.get(path);
  if (device === undefined) throw refused(`LVM names ${path}, which lsblk does not know`);
  return device;
}

function nameAt(names: ReadonlyMap<string, string>, byPath: ReadonlyMap<string, BlockDevice>, path: string): string {
  return names.get(deviceAt(byPath, path).kname) ?? path;
}

function refused(what: string): HostlerError {
  return new HostlerError('failed_precondition', `This machine cannot be captured: ${what}.`);
}
