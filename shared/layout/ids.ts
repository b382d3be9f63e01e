import type { Layout } from './layout.ts';

/** New names of one installation for what must not have the same name twice in the world. */
export interface Ids {
  /** UUID of a disk's table by disk; of an MBR only the first eight digits count. */
  readonly tables: ReadonlyMap<string, string>;
  readonly partitions: ReadonlyMap<string, string>;
  readonly raids: ReadonlyMap<string, string>;
  /** By what the file system is on; as its own tools write it (`1A2B-3C4D` of vfat). */
  readonly filesystems: ReadonlyMap<string, string>;
}

/** `uuid`: gives another one at each call. */
export function freshIds(layout: Layout, uuid: () => string): Ids {
  const each = (names: readonly string[]): Map<string, string> => new Map(names.map((name) => [name, uuid()]));
  return {
    tables: each(layout.disks.map((disk) => disk.name)),
    partitions: each(layout.disks.flatMap((disk) => disk.partitions.map((one) => one.name))),
    raids: each(layout.raids.map((raid) => raid.name)),
    filesystems: new Map(
      layout.filesystems.map(({ on, type }) => {
        const id = uuid();
        return [on, type === 'vfat' ? `${id.slice(0, 4)}-${id.slice(4, 8)}`.toUpperCase() : id] as const;
      }),
    ),
  };
}

/** The id of an MBR, eight hexadecimal digits. */
export function mbrId(uuid: string): string {
  return uuid.slice(0, 8);
}

/** The id of a RAID, as mdadm writes it. */
export function raidId(ids: Ids, raid: string): string {
  return (ids.raids.get(raid) ?? '').replaceAll('-', '').replace(/(.{8})(?=.)/g, '$1:');
}

/** PARTUUID of a partition as the kernel says it. */
export function partuuidOf(layout: Layout, ids: Ids, partition: string): string {
  const disk = layout.disks.find((one) => one.partitions.some(({ name }) => name === partition));
  if (disk?.table !== 'mbr') return ids.partitions.get(partition) ?? '';
  const number = disk.partitions.find(({ name }) => name === partition)?.number ?? 0;
  return `${mbrId(ids.tables.get(disk.name) ?? '')}-${number.toString(16).padStart(2, '0')}`;
}

/** What each id of the captured machine is called now. */
export function renamed(layout: Layout, ids: Ids): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { on, uuid, partuuid } of layout.filesystems) {
    const now = ids.filesystems.get(on);
    if (uuid !== '' && now !== undefined) found.set(uuid.toLowerCase(), now);
    const part = partuuidOf(layout, ids, on);
    if (partuuid !== undefined && part !== '') found.set(partuuid.toLowerCase(), part);
  }
  for (const { name, uuid } of layout.raids) if (uuid !== undefined) found.set(uuid, raidId(ids, name));
  return found;
}

const idLike =
  /(?<![0-9a-f:-])(?:[0-9a-f]{8}(?::[0-9a-f]{8}){3}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{8}-[0-9a-f]{2}|[0-9a-f]{4}-[0-9a-f]{4})(?![0-9a-f:-])/gi;

/** A text (grub.cfg, a kernel command line, fstab ...) with the ids of the captured machine replaced by the new ones. */
export function withNewIds(text: string, names: ReadonlyMap<string, string>): string {
  return text.replace(idLike, (id) => names.get(id.toLowerCase()) ?? id);
}
