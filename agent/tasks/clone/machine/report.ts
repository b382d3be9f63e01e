import { readFile, readdir, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';

/*
 * What the programs of a machine say of its disks. Only asked, nothing is changed. Formats: lsblk(8), sfdisk(8),
 * lvmreport(7), mdadm(8), findmnt(8).
 */

export interface BlockDevice {
  /** Kernel name: `sda2`, `dm-0`. */
  readonly kname: string;
  /** `/dev/mapper/vg0-root` */
  readonly path: string;
  /** disk, part, lvm, raid1, crypt ... */
  readonly type: string;
  readonly size: number;
  readonly fstype: string | null;
  readonly uuid: string | null;
  readonly label: string | null;
  readonly partuuid: string | null;
  readonly serial: string | null;
  readonly children?: readonly BlockDevice[];
}

export interface PartitionTable {
  readonly label: string;
  readonly partitions: readonly {
    readonly node: string;
    /** Sectors of 512 bytes, as sfdisk counts them. */
    readonly start: number;
    readonly size: number;
    readonly type: string;
    readonly name?: string;
    readonly bootable?: boolean;
  }[];
  readonly sectorsize?: number;
}

export interface LvmGroup {
  readonly name: string;
  readonly extentBytes: number;
  readonly freeBytes: number;
  /** Device files. */
  readonly members: readonly string[];
  readonly volumes: readonly { readonly name: string; readonly bytes: number; readonly segtype: string }[];
}

export interface MachineMount {
  readonly target: string;
  /** Device file, without the `[/subvolume]` of btrfs. */
  readonly source: string;
  readonly fstype: string;
  /** btrfs. */
  readonly subvolume: string;
  readonly used: number;
}

/** What mdadm does not export: the kernel's own, in bytes; 0 where the level has none. */
export const chunkBytes = 'chunk_size';

export interface MachineReport {
  readonly firmware: 'bios' | 'uefi';
  readonly devices: readonly BlockDevice[];
  /** By kernel name of the disk. */
  readonly tables: ReadonlyMap<string, PartitionTable>;
  readonly groups: readonly LvmGroup[];
  /** By kernel name: what `mdadm --detail --export` says, and `chunkBytes`. */
  readonly raids: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly mounts: readonly MachineMount[];
  /** Device files of active swap. */
  readonly swaps: readonly string[];
  /** By device file: how the file system was made (shared/layout/options.ts). */
  readonly made: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** By device file of a btrfs. */
  readonly subvolumes: ReadonlyMap<string, readonly string[]>;
  /** By device file of a btrfs: the subvolume that is mounted where none is named, if it is not the top. */
  readonly defaults: ReadonlyMap<string, string>;
  /** By kernel name of the disk: its link below /dev/disk/by-path. */
  readonly paths: ReadonlyMap<string, string>;
  /** By kernel name: every link below /dev/disk. */
  readonly links: ReadonlyMap<string, readonly string[]>;
}

// Only with NAME does lsblk tell what is below what.
const columns = 'NAME,KNAME,PATH,TYPE,SIZE,FSTYPE,UUID,LABEL,PARTUUID,SERIAL';

/** Asks this machine's own programs. Throws `failed_precondition` naming a program that is missing. */
export async function machineReport(signal: AbortSignal): Promise<MachineReport> {
  const ask = async (program: string, ...args: string[]): Promise<string> =>
    (await run(program, args, { signal, env: { LC_ALL: 'C' }, keepBytes: 16 << 20 })).stdout;
  const { blockdevices } = json(await ask('lsblk', '--json', '--bytes', '--output', columns)) as {
    blockdevices: BlockDevice[];
  };
  const all = flat(blockdevices);
  const tables = new Map<string, PartitionTable>();
  for (const disk of all.filter(({ type, children }) => type === 'disk' && children !== undefined)) {
    const text = (await run('sfdisk', ['--json', disk.path], { signal, env: { LC_ALL: 'C' }, allowExit: 'any' }))
      .stdout;
    if (text.trim() !== '') tables.set(disk.kname, (json(text) as { partitiontable: PartitionTable }).partitiontable);
  }
  const raids = new Map<string, Record<string, string>>();
  for (const raid of all.filter(({ type }) => type.startsWith('raid'))) {
    const chunk = await readFile(`/sys/block/${raid.kname}/md/chunk_size`, 'utf8').catch(() => '0');
    raids.set(raid.kname, {
      ...pairs(await ask('mdadm', '--detail', '--export', raid.path)),
      [chunkBytes]: chunk.trim(),
    });
  }
  const mounts = await mountsOf(ask);
  const swaps = (await readFile('/proc/swaps', 'utf8').catch(() => '')).split('\n').slice(1);
  const made = new Map<string, Readonly<Record<string, string>>>();
  for (const { source, fstype, target } of mounts) {
    if (!made.has(source)) made.set(source, await makeOf(fstype, source, target, ask));
  }
  const subvolumes = new Map<string, readonly string[]>();
  const defaults = new Map<string, string>();
  for (const { source, fstype, target } of mounts) {
    if (fstype !== 'btrfs' || subvolumes.has(source)) continue;
    subvolumes.set(source, parseSubvolumes(await ask('btrfs', 'subvolume', 'list', target)));
    const [first] = parseSubvolumes(await ask('btrfs', 'subvolume', 'get-default', target));
    if (first !== undefined) defaults.set(source, first);
  }
  return {
    firmware: await readdir('/sys/firmware/efi').then(
      () => 'uefi' as const,
      () => 'bios' as const,
    ),
    devices: blockdevices,
    tables,
    groups: all.some(({ type }) => type === 'lvm') ? await groupsOf(ask) : [],
    raids,
    mounts,
    swaps: swaps.map((line) => line.split(/\s/)[0] ?? '').filter((name) => name.startsWith('/dev/')),
    made,
    subvolumes,
    defaults,
    paths: await linksOf('/dev/disk/by-path'),
    links: await allLinks(),
  };
}

export function flat(devices: readonly BlockDevice[]): BlockDevice[] {
  // A device below several others (a RAID) is listed below each.
  const found = new Map<string, BlockDevice>();
  const walk = (device: BlockDevice): void => {
    if (!found.has(device.kname)) found.set(device.kname, device);
    device.children?.forEach(walk);
  };
  devices.forEach(walk);
  return [...found.values()];
}

type Ask = (program: string, ...args: string[]) => Promise<string>;

async function mountsOf(ask: Ask): Promise<MachineMount[]> {
  const text = await ask(
    'findmnt',
    '--json',
    '--bytes',
    '--list',
    '--real',
    '--output',
    'TARGET,SOURCE,FSTYPE,FSROOT,USED',
  );
  const { filesystems } = json(text) as {
    filesystems: { target: string; source: string; fstype: string; fsroot: string; used: string | number | null }[];
  };
  return filesystems
    .filter(({ source }) => source.startsWith('/dev/'))
    .map(({ target, source, fstype, fsroot, used }) => ({
      target,
      source: source.replace(/\[.*\]$/, ''),
      fstype,
      subvolume: fstype === 'btrfs' ? fsroot.replace(/^\//, '') : '',
      used: Number(used ?? 0),
    }));
}

async function groupsOf(ask: Ask): Promise<LvmGroup[]> {
  const text = await ask('lvm', 'fullreport', '--reportformat', 'json', '--units', 'b', '--nosuffix');
  const { report } = json(text) as {
    report: {
      vg: { vg_name: string; vg_extent_size: string; vg_free: string }[];
      pv: { pv_name: string }[];
      lv: { lv_name: string; lv_size: string; lv_layout?: string }[];
    }[];
  };
  return report.flatMap(({ vg, pv, lv }) =>
    vg
      .filter(({ vg_name: name }) => name !== '')
      .map((group) => ({
        name: group.vg_name,
        extentBytes: Number(group.vg_extent_size),
        freeBytes: Number(group.vg_free),
        members: pv.map(({ pv_name: name }) => name),
        volumes: lv.map(({ lv_name: name, lv_size: size, lv_layout: layout }) => ({
          name,
          bytes: Number(size),
          segtype: layout ?? 'linear',
        })),
      })),
  );
}

/** How a file system was made, as far as it matters to boot loaders and older kernels. */
async function makeOf(type: string, device: string, target: string, ask: Ask): Promise<Record<string, string>> {
  if (/^ext[234]$/.test(type)) return parseDumpe2fs(await ask('dumpe2fs', '-h', device));
  if (type === 'xfs') return parseXfsInfo(await ask('xfs_info', target));
  if (type === 'btrfs') return parseBtrfs(await ask('btrfs', 'inspect-internal', 'dump-super', device));
  if (type === 'vfat') return parseBlkid(await ask('blkid', '--probe', '--output', 'export', device));
  return {};
}

export function parseDumpe2fs(text: string): Record<string, string> {
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const features = field('Filesystem features')
    .split(/\s+/)
    .filter((word) => word !== '' && word !== '(none)');
  return present({ features: features.join(','), blocksize: field('Block size'), inodesize: field('Inode size') });
}

export function parseXfsInfo(text: string): Record<string, string> {
  // Sections share names (`bsize` of data and of naming): the first of each is the one meant, naming's own is ftype.
  const first = (name: string, from = text): string => new RegExp(`\\b${name}=(\\d+)`).exec(from)?.[1] ?? '';
  const data = text.slice(Math.max(0, text.indexOf('data')));
  const found = { bsize: first('bsize', data), isize: first('isize') };
  const flags = ['crc', 'finobt', 'rmapbt', 'reflink', 'bigtime', 'inobtcount', 'nrext64', 'ftype'];
  return present({ ...found, ...Object.fromEntries(flags.map((name) => [name, first(name)])) });
}

export function parseBtrfs(text: string): Record<string, string> {
  const field = (name: string): string => new RegExp(`^${name}\\s+(\\S+)`, 'm').exec(text)?.[1] ?? '';
  const csum = /^csum_type\s+\d+ \((\w+)\)/m.exec(text)?.[1] ?? '';
  return present({ nodesize: field('nodesize'), sectorsize: field('sectorsize'), csum });
}

/** `VERSION=FAT32` */
export function parseBlkid(text: string): Record<string, string> {
  const fat = /^VERSION=FAT(12|16|32)$/m.exec(text)?.[1] ?? '';
  return present({ fat });
}

/** `ID 256 gen 12 top level 5 path @home`; snapshots and nested ones alike, parents first. */
export function parseSubvolumes(text: string): string[] {
  const paths = text.split('\n').flatMap((line) => / path (.+)$/.exec(line)?.[1] ?? []);
  return paths.sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1));
}

function present(found: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== ''));
}

function pairs(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split('\n')
      .flatMap((line) =>
        line.includes('=') ? [[line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const] : [],
      ),
  );
}

async function linksOf(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of await readdir(folder).catch(() => [])) {
    const target = basename(await readlink(`${folder}/${name}`).catch(() => ''));
    if (target !== '' && !found.has(target)) found.set(target, name);
  }
  return found;
}

async function allLinks(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const folder of ['by-id', 'by-path', 'by-partlabel', 'by-partuuid', 'by-uuid', 'by-label']) {
    for (const name of await readdir(`/dev/disk/${folder}`).catch(() => [])) {
      const path = `/dev/disk/${folder}/${name}`;
      const target = basename(await readlink(path).catch(() => ''));
      if (target !== '') found.set(target, [...(found.get(target) ?? []), path]);
    }
  }
  return found;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HostlerError(
      'internal',
      `A program that describes disks printed something else than JSON: ${text.slice(0, 200)}`,
      { cause },
    );
  }
}
