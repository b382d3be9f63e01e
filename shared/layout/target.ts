import type { Firmware } from './layout.ts';
import { Reader } from './reader.ts';

/** A machine that is to be installed, as its installer found it. Everything in it came over the network: see check. */
export interface Target {
  readonly firmware: Firmware;
  readonly disks: readonly TargetDisk[];
  /** Volume groups that are there already. */
  readonly groups: readonly TargetGroup[];
}

export interface TargetGroup {
  readonly name: string;
  /** Devices of the disks that it lies on. */
  readonly disks: readonly string[];
}

export interface TargetDisk {
  /** Kernel name without /dev: `sda`, `nvme0n1`. */
  readonly device: string;
  readonly bytes: number;
  readonly serial: string;
  /** Links below /dev/disk/by-path. */
  readonly paths: readonly string[];
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** Something of it is mounted or otherwise in use. */
  readonly busy: boolean;
}

/** The device file of a partition: `sda2`, but `nvme0n1p2`, `mmcblk0p2`. */
export function partitionDevice(device: string, number: number): string {
  return `/dev/${device}${/\d$/.test(device) ? 'p' : ''}${number}`;
}

/** What an installer says about its machine. Throws `invalid_argument`. */
export function checkedTarget(value: unknown): Target {
  const top = new Reader(value, 'machine');
  return {
    firmware: top.oneOf('firmware', ['bios', 'uefi']),
    disks: top.list('disks', 1000).map((of) => ({
      device: of.matching('device', /^[a-z][a-z0-9]{1,30}$/, 'the name of a block device'),
      bytes: of.size('bytes'),
      serial: of.text('serial').slice(0, 128),
      paths: of.texts('paths', 32).filter((path) => /^[\w.:+-]{1,200}$/.test(path)),
      removable: of.flag('removable'),
      readOnly: of.flag('readOnly'),
      busy: of.flag('busy'),
    })),
    groups: top.list('groups', 1000).map((of) => ({
      name: of.matching('name', /^[\w.+-]{1,127}$/, 'the name of a volume group'),
      disks: of.names('disks', 1000),
    })),
  };
}
