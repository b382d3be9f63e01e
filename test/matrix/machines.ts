import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkedLayout } from '../../shared/layout/check.ts';
import type { Layout } from '../../shared/layout/layout.ts';
import { partitionTypes } from '../../shared/layout/layout.ts';
import { mebibyte } from '../../shared/layout/size.ts';
import type { CloneLab, LabMachine } from '../lab/clone-lab.ts';
import { emptyDisk, type DiskBus, type LabDisk } from '../lab/disks.ts';
import { disksFor, firmwareOf, sizesOf } from '../lab/golden-disk.ts';
import { gib, type GoldenKind } from '../lab/golden-layouts.ts';
import type { Target } from './cells.ts';

/** A machine of a kind, its disks empty but for one that is to be let alone. */
export interface TargetMachine {
  readonly machine: LabMachine;
  /** `osvolume` of the node. */
  readonly osvolume: string;
  /** A disk that must not be touched, and its digest. */
  readonly protected?: { readonly file: string; readonly digest: string };
  /** The disks that become the clone's. */
  readonly own: readonly LabDisk[];
}

const buses: Readonly<Record<Target, DiskBus>> = {
  same: 'ata',
  nvme: 'nvme',
  scsi: 'scsi',
  firmware: 'ata',
  mirror: 'virtio',
  smaller: 'virtio',
};

/** Enough for the content of the golden tree, and less than the golden client has. */
const smallBytes = 2 * gib;

export async function machineFor(
  lab: CloneLab,
  node: string,
  source: GoldenKind,
  target: Target,
): Promise<TargetMachine> {
  const firmware = firmwareOf(source);
  const own = await disksFor(lab, node, diskSizes(source, target), buses[target]);
  const machine = {
    firmware: target === 'firmware' ? (firmware === 'bios' ? 'uefi' : 'bios') : firmware,
    disks: own,
  } as const;
  if (target !== 'mirror' && target !== 'smaller') return { machine, osvolume: '', own };
  // Large enough, and empty at first sight: only what the administrator said keeps it.
  const serial = `KEEP${node.toUpperCase()}`;
  const file = await emptyDisk(join(lab.dir, `${node}.kept.disk`), 4 * gib);
  const handle = await open(file, 'r+');
  await handle.write('precious', 3 * mebibyte);
  await handle.close();
  return {
    machine: { ...machine, disks: [...own, { file, bus: 'virtio', serial }] },
    osvolume: `${target === 'smaller' ? 'smaller ' : ''}protect=${serial}`,
    protected: { file, digest: await checksum(file) },
    own,
  };
}

function diskSizes(source: GoldenKind, target: Target): number[] {
  const sizes = sizesOf(source);
  if (target === 'same') return sizes;
  if (target === 'smaller') return sizes.map(() => smallBytes);
  // A member of a RAID has its superblock before the content.
  if (target === 'mirror') return [4 * gib, 4 * gib];
  return sizes.map((bytes) => bytes + gib);
}

export async function checksum(file: string): Promise<string> {
  const digest = createHash('sha1');
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) digest.update(piece as Buffer);
  return digest.digest('hex');
}

/** The captured layout as an administrator edits it: the one disk becomes two, and what was its root their RAID1. */
export async function mirrored(captured: string, edited: string): Promise<void> {
  const layout = checkedLayout(JSON.parse(await readFile(captured, 'utf8')));
  const [disk] = layout.disks;
  if (disk === undefined || layout.disks.length !== 1) throw new Error('only one disk can be made two');
  const root = layout.filesystems.find(({ mounts }) => mounts.some(({ at }) => at === '/'))?.on;
  const half = (name: string): Layout['disks'][number] => ({
    name,
    bytes: disk.bytes,
    table: disk.table,
    partitions: disk.partitions
      .filter((one) => name === disk.name || one.name === root)
      .map((one) => ({
        ...one,
        name: `${name}.${one.number}`,
        ...(one.name === root && { type: partitionTypes[disk.table].raid }),
      })),
  });
  const made: Layout = {
    ...layout,
    disks: [half(disk.name), half('disk2')],
    raids: [{ name: 'system', level: 'raid1', metadata: '1.2', members: [root ?? '', `disk2.${root?.split('.')[1]}`] }],
    filesystems: layout.filesystems.map((one) => (one.on === root ? { ...one, on: 'system' } : one)),
  };
  await writeFile(edited, JSON.stringify(made, undefined, 2));
}
