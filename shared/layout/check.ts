import { HostlerError } from '../errors/error.ts';
import type { Disk, Filesystem, Layout, Mount, Partition, Raid, Volume, VolumeGroup } from './layout.ts';
import { filesystemTypes, isExtended } from './layout.ts';
import { makeOptions } from './options.ts';
import { Reader } from './reader.ts';

/*
 * A layout comes from a golden client, or from a file that a person edited: nothing in it is believed. Whatever passes
 * may stand in a command's arguments, an sfdisk script or an fstab.
 */

const mostParts = 256;
const raidLevels = ['raid0', 'raid1', 'raid4', 'raid5', 'raid6', 'raid10'] as const;

/** The layout in `value`. Throws `invalid_argument`, which names the part. */
export function checkedLayout(value: unknown): Layout {
  const top = new Reader(value, 'layout');
  if (top.number('format') !== 1) throw top.wrong('format', '1: this is a layout of a later Hostler');
  const layout: Layout = {
    format: 1,
    firmware: top.oneOf('firmware', ['bios', 'uefi']),
    disks: top.list('disks', mostParts).map(diskOf),
    raids: top.list('raids', mostParts).map(raidOf),
    groups: top.list('groups', mostParts).map(groupOf),
    filesystems: top.list('filesystems', mostParts).map(filesystemOf),
  };
  checkReferences(layout);
  return layout;
}

function diskOf(of: Reader): Disk {
  const name = of.matching('name', /^disk[1-9]\d{0,2}$/, 'disk1, disk2 ...');
  const table = of.oneOf('table', ['gpt', 'mbr']);
  const serial = of.optional('serial', () =>
    of.matching('serial', /^[\x21-\x7e][\x20-\x7e]{0,127}$/, 'a serial number'),
  );
  const path = of.optional('path', () => of.matching('path', /^[\w.:+-]{1,200}$/, 'a name below /dev/disk/by-path'));
  return {
    name,
    bytes: of.size('bytes'),
    table,
    ...(serial !== undefined && { serial }),
    ...(path !== undefined && { path }),
    ...(of.flag('only') && { only: true }),
    partitions: of.list('partitions', 128).map((one) => partitionOf(one, name, table)),
  };
}

function partitionOf(of: Reader, disk: string, table: Disk['table']): Partition {
  const number = of.number('number');
  if (!Number.isSafeInteger(number) || number < 1 || number > 128) throw of.wrong('number', 'from 1 to 128');
  const type =
    table === 'gpt'
      ? of.matching('type', /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/, 'a GUID in capitals')
      : of.matching('type', /^[0-9a-f]{2}$/, 'two hexadecimal digits');
  const label = of.optional('label', () =>
    of.matching('label', /^[^"\\\x00-\x1f\x7f]{0,36}$/, 'at most 36 characters'),
  );
  return {
    name: of.matching('name', new RegExp(`^${disk}\\.${number}$`), `${disk}.${number}`),
    number,
    bytes: of.size('bytes'),
    type,
    ...(label !== undefined && label !== '' && { label }),
    ...(of.flag('active') && { active: true }),
    ...(of.flag('grow') && { grow: true }),
  };
}

function raidOf(of: Reader): Raid {
  const chunkBytes = of.optional('chunkBytes', () => of.size('chunkBytes'));
  const uuid = of.optional('uuid', () =>
    of.matching('uuid', /^(?:[0-9a-f]{8}(?::[0-9a-f]{8}){3})?$/, 'an id as mdadm writes it'),
  );
  return {
    name: of.matching('name', /^[A-Za-z0-9][\w.-]{0,30}$/, 'the name of a RAID'),
    level: of.oneOf('level', raidLevels),
    metadata: of.matching('metadata', /^(?:0\.90|1\.[012])$/, '0.90, 1.0, 1.1 or 1.2'),
    members: of.names('members', mostParts),
    ...(uuid !== undefined && uuid !== '' && { uuid }),
    ...(chunkBytes !== undefined && { chunkBytes }),
  };
}

function groupOf(of: Reader): VolumeGroup {
  const extentBytes = of.size('extentBytes');
  if (extentBytes < 1024 || !Number.isInteger(Math.log2(extentBytes))) throw of.wrong('extentBytes', 'a power of two');
  return {
    name: lvmName(of),
    extentBytes,
    members: of.names('members', mostParts),
    volumes: of.list('volumes', mostParts).map((one): Volume => {
      const bytes = one.size('bytes');
      return { name: lvmName(one), bytes, ...(one.flag('grow') && { grow: true }) };
    }),
    freeBytes: of.size('freeBytes'),
  };
}

/** lvm(8), VALID NAMES. */
function lvmName(of: Reader): string {
  const name = of.matching('name', /^[A-Za-z0-9_.+][\w.+-]{0,126}$/, 'a name that LVM takes');
  if (
    /^\.{1,2}$|^snapshot|^pvmove|_(?:cdata|cmeta|corig|mlog|mimage|pmspare|rimage|rmeta|tdata|tmeta|vorigin)/.test(name)
  )
    throw of.wrong('name', 'a name that LVM does not keep for itself');
  return name;
}

function filesystemOf(of: Reader): Filesystem {
  const type = of.oneOf('type', filesystemTypes);
  const options = of.record('options');
  for (const [name, text] of Object.entries(options)) {
    const allowed = makeOptions[type][name];
    if (allowed === undefined) throw of.wrong(`options.${name}`, `one of ${Object.keys(makeOptions[type]).join(', ')}`);
    if (!allowed.value.test(text)) throw of.wrong(`options.${name}`, `as ${type} takes it`);
  }
  const label = of.optional('label', () => of.matching('label', /^[\w.:+/ -]{0,36}$/, 'a plain label'));
  const partuuid = of.optional('partuuid', () => of.matching('partuuid', /^[0-9a-fA-F-]{0,36}$/, 'a partition id'));
  const names = of.optional('names', () =>
    of.texts('names', 64).filter((name) => /^\/dev\/[\w.:+/@-]{1,250}$/.test(name)),
  );
  const subvolumes = of.optional('subvolumes', () => of.texts('subvolumes', 1000).map((path) => subvolume(of, path)));
  const first = of.optional('defaultSubvolume', () => subvolume(of, of.text('defaultSubvolume')));
  return {
    on: of.matching('on', /^[\w.+-]{1,127}(?:\/[\w.+-]{1,127})?$/, 'a partition, RAID or volume'),
    type,
    uuid: of.matching('uuid', /^[0-9a-fA-F-]{0,36}$/, 'an id of a file system'),
    ...(partuuid !== undefined && partuuid !== '' && { partuuid }),
    ...(label !== undefined && label !== '' && { label }),
    ...(names !== undefined && names.length > 0 && { names }),
    usedBytes: of.size('usedBytes'),
    options,
    mounts: of.list('mounts', 64).map((one): Mount => mountOf(one)),
    ...(subvolumes !== undefined && subvolumes.length > 0 && { subvolumes }),
    ...(first !== undefined && first !== '' && { defaultSubvolume: first }),
  };
}

function mountOf(of: Reader): Mount {
  const at = of.matching(
    'at',
    /^\/(?:[^/\s\\\x00-\x1f"'`$]+(?:\/[^/\s\\\x00-\x1f"'`$]+)*)?$/,
    'an absolute path without blanks',
  );
  if (at.split('/').some((part) => part === '.' || part === '..')) throw of.wrong('at', 'a path without . and ..');
  const inner = of.optional('subvolume', () => subvolume(of, of.text('subvolume')));
  return { at, ...(inner !== undefined && inner !== '' && { subvolume: inner }) };
}

function subvolume(of: Reader, path: string): string {
  if (path.length > 400 || !/^(?:[\w@.+:-]+(?:\/[\w@.+:-]+)*)?$/.test(path) || path.split('/').includes('..'))
    throw of.wrong(
      'subvolume',
      `a plain path from the top of the file system, not ${JSON.stringify(path.slice(0, 100))}`,
    );
  return path;
}

function checkReferences(layout: Layout): void {
  const refuse = (what: string): never => {
    throw new HostlerError('invalid_argument', `The layout cannot be used: ${what}.`);
  };
  const known = new Set<string>();
  const add = (name: string): void => {
    if (known.has(name)) refuse(`there are two of the name ${name}`);
    known.add(name);
  };
  const holders = new Set<string>();
  const take = (name: string, by: string): void => {
    if (!known.has(name)) refuse(`${by} names ${name}, which is not there`);
    if (holders.has(name)) refuse(`${name} is used twice, the second time by ${by}`);
    holders.add(name);
  };
  for (const disk of layout.disks) {
    add(disk.name);
    for (const partition of disk.partitions) {
      if (disk.table === 'mbr' && partition.number > 4 && !disk.partitions.some((one) => isExtended(disk, one)))
        refuse(`${partition.name} needs an extended partition`);
      if (isExtended(disk, partition)) continue;
      add(partition.name);
    }
  }
  if (layout.disks.length === 0) refuse('it has no disk');
  for (const raid of layout.raids) {
    for (const member of raid.members) take(member, raid.name);
    if (raid.members.length < (raid.level === 'raid1' ? 1 : 2)) refuse(`${raid.name} has too few members`);
    add(raid.name);
  }
  for (const group of layout.groups) {
    for (const member of group.members) take(member, group.name);
    if (group.members.length === 0) refuse(`${group.name} has no members`);
    for (const volume of group.volumes) add(`${group.name}/${volume.name}`);
  }
  const mounts = new Set<string>();
  for (const filesystem of layout.filesystems) {
    take(filesystem.on, `the file system ${filesystem.mounts[0]?.at ?? filesystem.type}`);
    const { defaultSubvolume: first } = filesystem;
    if (first !== undefined && filesystem.subvolumes?.includes(first) !== true)
      refuse(`its default is the subvolume ${first}, which ${filesystem.on} does not have`);
    for (const { at, subvolume: inner } of filesystem.mounts) {
      if (mounts.has(at)) refuse(`two file systems are mounted at ${at}`);
      if (filesystem.type === 'swap') refuse(`swap cannot be mounted at ${at}`);
      if (inner !== undefined && filesystem.subvolumes?.includes(inner) !== true)
        refuse(`${at} names the subvolume ${inner}, which ${filesystem.on} does not have`);
      mounts.add(at);
    }
  }
  if (!mounts.has('/')) refuse('nothing is mounted at /');
}
