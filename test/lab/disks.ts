import { truncate, writeFile } from 'node:fs/promises';
import { run } from '../../shared/process/run.ts';

/**
 * How a disk is connected to a virtual machine. `ata`: two at most, by the controller of an older board (PIIX), as the
 * test's small kernel knows no AHCI.
 */
export type DiskBus = 'virtio' | 'nvme' | 'ata' | 'scsi';

export interface LabDisk {
  readonly file: string;
  readonly bus: DiskBus;
  readonly serial: string;
}

/**
 * QEMU arguments for disks, behind the network card in the order of starting, or before it. Nothing is flushed to the
 * host's own disk: a machine whose plug is pulled finds what it wrote, as with a disk that has a battery.
 */
export function diskArguments(disks: readonly LabDisk[], first: 'network' | 'disk' = 'network'): string[] {
  const scsi = disks.some(({ bus }) => bus === 'scsi') ? ['-device', 'virtio-scsi-pci,id=scsi0'] : [];
  // Of the same option twice the later counts, part by part.
  const board = disks.some(({ bus }) => bus === 'ata') ? ['-machine', 'type=pc'] : [];
  return [
    ...board,
    ...scsi,
    ...disks.flatMap((disk, index) => oneDisk(disk, index, first === 'disk' && index === 0 ? 0 : index + 2)),
  ];
}

function oneDisk({ file, bus, serial }: LabDisk, index: number, place: number): string[] {
  const drive = `if=none,id=d${index},format=raw,discard=unmap,detect-zeroes=unmap,cache=unsafe,file=${file}`;
  const order = `bootindex=${place}`;
  const own = `drive=d${index},serial=${serial},${order}`;
  return ['-drive', drive, ...devices()];

  function devices(): string[] {
    switch (bus) {
      case 'virtio':
        return ['-device', `virtio-blk-pci,${own}`];
      case 'scsi':
        return ['-device', `scsi-hd,bus=scsi0.0,${own}`];
      case 'ata':
        return ['-device', `ide-hd,bus=ide.${index},${own}`];
      case 'nvme':
        // As a namespace of its own: the firmware finds its boot entry only so.
        return [
          ...['-device', `nvme,id=nv${index},serial=${serial}`],
          ...['-device', `nvme-ns,drive=d${index},bus=nv${index},${order}`],
        ];
    }
  }
}

/** An empty disk. */
export async function emptyDisk(file: string, bytes: number): Promise<string> {
  await writeFile(file, '', { flag: 'wx' });
  await truncate(file, bytes);
  return file;
}

/** A copy that takes no room for what is empty. */
export async function copyDisk(from: string, to: string): Promise<string> {
  await run('cp', ['--sparse=always', '--reflink=auto', from, to]);
  return to;
}
