import { HostlerError } from '../errors/error.ts';
import type { Disk, Layout } from './layout.ts';
import { neededBytes } from './fit.ts';
import { showSize } from './size.ts';
import type { Target, TargetDisk } from './target.ts';

export interface Choice {
  /** Disks that are never touched: serial number, path, device or size-independent name (`protectdisk`). */
  readonly protect: readonly string[];
  /** A disk that is smaller than the captured one may be taken. */
  readonly smaller: boolean;
}

/**
 * Which disk of the machine becomes which disk of the layout. The one that was captured, if it is there; else one at
 * the same place; else the smallest that is large enough, so that a large data disk is not taken for a system disk.
 * Throws `failed_precondition` with every disk and why it was not taken.
 */
export function chooseDisks(layout: Layout, target: Target, choice: Choice): ReadonlyMap<string, TargetDisk> {
  const chosen = new Map<string, TargetDisk>();
  const refused = new Map<string, string>();
  const free = [...target.disks].sort((a, b) => a.bytes - b.bytes || (place(a) < place(b) ? -1 : 1));
  for (const disk of free) {
    const reason = unfit(disk, choice.protect);
    if (reason !== undefined) refused.set(disk.device, reason);
  }
  const open = (disk: TargetDisk): boolean => !refused.has(disk.device) && ![...chosen.values()].includes(disk);
  // Those that are named come first: none of them may go to a disk that takes any.
  const order = [...layout.disks].sort((a, b) => Number(b.only ?? false) - Number(a.only ?? false));
  for (const disk of order) {
    const needed = choice.smaller ? 0 : neededBytes(disk);
    const able = free.filter((one) => open(one) && one.bytes >= needed);
    const found =
      able.find((one) => disk.serial !== undefined && one.serial === disk.serial) ??
      able.find((one) => disk.path !== undefined && one.paths.includes(disk.path)) ??
      (disk.only === true ? undefined : choice.smaller ? (large(able, disk) ?? able.at(-1)) : able[0]);
    if (found === undefined) throw noDisk(disk, free, refused, chosen, choice);
    chosen.set(disk.name, found);
  }
  return chosen;
}

function large(able: readonly TargetDisk[], disk: Disk): TargetDisk | undefined {
  return able.find((one) => one.bytes >= neededBytes(disk));
}

function unfit(disk: TargetDisk, protect: readonly string[]): string | undefined {
  const names = [disk.device, `/dev/${disk.device}`, disk.serial, ...disk.paths];
  if (protect.some((word) => word !== '' && names.includes(word))) return 'protected (protectdisk)';
  if (disk.readOnly) return 'read-only';
  if (disk.removable) return 'removable';
  if (disk.busy) return 'in use';
  return undefined;
}

function noDisk(
  disk: Disk,
  all: readonly TargetDisk[],
  refused: ReadonlyMap<string, string>,
  chosen: ReadonlyMap<string, TargetDisk>,
  choice: Choice,
): HostlerError {
  const why = (one: TargetDisk): string => {
    const reason = refused.get(one.device);
    if (reason !== undefined) return reason;
    const taken = [...chosen].find(([, other]) => other === one)?.[0];
    if (taken !== undefined) return `taken for ${taken}`;
    return disk.only === true ? 'not the one that the layout names' : 'too small';
  };
  const list = all.map((one) => `${one.device} (${showSize(one.bytes)}): ${why(one)}`).join('; ');
  const wanted =
    disk.only === true
      ? `the disk ${disk.serial ?? disk.path ?? ''}`
      : `a disk of at least ${showSize(neededBytes(disk))}`;
  const hint =
    !choice.smaller && all.some((one) => why(one) === 'too small')
      ? ' Where the content fits on a smaller one, allow it.'
      : '';
  return new HostlerError(
    'failed_precondition',
    `${disk.name} of the layout needs ${wanted}; this machine has ${list === '' ? 'no disk at all' : list}. Nothing was written.${hint}`,
  );
}

function place(disk: TargetDisk): string {
  return disk.paths[0] ?? disk.device;
}
