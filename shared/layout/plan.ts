import { HostlerError } from '../errors/error.ts';
import { chooseDisks } from './choose.ts';
import type { Choice } from './choose.ts';
import { forFirmware } from './firmware.ts';
import { fitted } from './fit.ts';
import { freshIds } from './ids.ts';
import type { Ids } from './ids.ts';
import type { Layout } from './layout.ts';
import { diskSteps, mountSteps } from './steps.ts';
import type { DiskStep } from './steps.ts';
import type { Target, TargetDisk } from './target.ts';

/** How a layout comes onto the disks of one machine. */
export interface DiskPlan {
  /** As it will be there. */
  readonly layout: Layout;
  readonly disks: ReadonlyMap<string, TargetDisk>;
  readonly ids: Ids;
  readonly steps: readonly DiskStep[];
  readonly mounts: readonly DiskStep[];
}

/**
 * Plans before anything is written: which disks, what sizes, which programs. Throws `failed_precondition` with the
 * reason and what to do when the machine will not do. `uuid`: another one at each call. `root`: where it is mounted.
 */
export function planDisks(wanted: Layout, target: Target, choice: Choice, uuid: () => string, root: string): DiskPlan {
  const adapted = forFirmware(wanted, target.firmware);
  const disks = chooseDisks(adapted, target, choice);
  const sizes = new Map([...disks].map(([name, disk]) => [name, disk.bytes]));
  const layout = fitted(adapted, sizes, choice.smaller);
  const wiped = new Set([...disks.values()].map(({ device }) => device));
  const stays = target.groups.filter((group) => group.disks.some((device) => !wiped.has(device)));
  const taken = layout.groups.find(({ name }) => stays.some((group) => group.name === name));
  if (taken !== undefined) {
    throw new HostlerError(
      'failed_precondition',
      `A disk that is not to be touched holds a volume group ${taken.name} already, and two of one name cannot be told apart. Nothing was written. Rename one, or take the disk out.`,
    );
  }
  const ids = freshIds(layout, uuid);
  return { layout, disks, ids, steps: diskSteps(layout, disks, ids), mounts: mountSteps(layout, disks, root) };
}
