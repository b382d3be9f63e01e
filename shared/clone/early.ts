import { HostlerError } from '../errors/error.ts';
import type { Layout } from '../layout/layout.ts';
import { mountedAt } from '../layout/layout.ts';

/*
 * A clone starts with the initramfs of the golden client, which knows what that machine needed. What another layout
 * needs besides cannot be added on the clone.
 */

/** Programs and modules that an initramfs may need to reach a root file system; what is looked for in it. */
export const earlyParts = [
  ...['mdadm', 'raid0', 'raid1', 'raid10', 'raid456', 'lvm', 'dm_mod'],
  ...['ext2', 'ext3', 'ext4', 'xfs', 'btrfs'],
] as const;

const raidModules = { raid0: 'raid0', raid1: 'raid1', raid4: 'raid456', raid5: 'raid456', raid6: 'raid456' } as const;

/**
 * Throws `failed_precondition` when the layout has / or /usr where an initramfs with only these `parts` cannot reach it;
 * nothing was written then. Undefined parts: it could not be looked into, and is believed.
 */
export function requireEarly(parts: readonly string[] | undefined, layout: Layout, node: string): void {
  if (parts === undefined) return;
  for (const at of ['/', '/usr']) {
    const filesystem = mountedAt(layout, at);
    if (filesystem === undefined) continue;
    const missing = [...below(layout, filesystem.on), fileSystem(filesystem.type, parts)].filter(
      (part) => !parts.includes(part),
    );
    if (missing.length === 0) continue;
    throw new HostlerError(
      'failed_precondition',
      `${node} could not start: the initramfs of the golden image has no ${[...new Set(missing)].join(' and no ')}, which ${at} needs in this layout. Nothing was written. Install what is missing on the golden client (mdadm, lvm2 or the tools of the file system), make its initramfs anew and capture again; or take another layout.`,
    );
  }
}

function fileSystem(type: string, parts: readonly string[]): string {
  // The driver of ext4 reads its elders too.
  return /^ext[23]$/.test(type) && parts.includes('ext4') ? 'ext4' : type;
}

function below(layout: Layout, name: string): string[] {
  const raid = layout.raids.find((one) => one.name === name);
  if (raid !== undefined) {
    const module = raid.level === 'raid10' ? 'raid10' : raidModules[raid.level];
    // The kernel puts arrays of the oldest format together by itself.
    const own = raid.metadata === '0.90' ? [module] : ['mdadm', module];
    return [...own, ...raid.members.flatMap((member) => below(layout, member))];
  }
  const group = layout.groups.find((one) => one.volumes.some((volume) => `${one.name}/${volume.name}` === name));
  return group === undefined ? [] : ['lvm', 'dm_mod', ...group.members.flatMap((member) => below(layout, member))];
}
