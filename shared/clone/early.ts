import { HostlerError } from '../errors/error.ts';
import type { Layout } from '../layout/layout.ts';
import { mountedAt } from '../layout/layout.ts';
import { withNewIds } from '../layout/ids.ts';
import type { Reader } from '../layout/reader.ts';
import { quoted, quotedLine } from '../text/shell-words.ts';

/*
 * A clone starts with the initramfs of the golden client, which knows what that machine needed. What another layout
 * needs besides cannot be added on the clone.
 */

/** Programs and modules that an initramfs may need to reach a root file system; what is looked for in it. */
export const earlyParts = [
  ...['mdadm', 'raid0', 'raid1', 'raid10', 'raid456', 'lvm', 'dm_mod'],
  ...['ext2', 'ext3', 'ext4', 'xfs', 'btrfs'],
] as const;

/** A file of the captured initramfs that names parts of the golden client's disks by their ids. */
export interface EarlyText {
  /** Where the initramfs lies in the clone. */
  readonly initrd: string;
  /** In it, without a slash before. */
  readonly path: string;
  readonly text: string;
}

const ids = (layout: Layout): string[] => [
  ...layout.filesystems.flatMap(({ uuid, partuuid }) => [uuid, partuuid ?? '']),
  ...layout.raids.map(({ uuid }) => uuid ?? ''),
];

/** Names a file system, partition or RAID of the captured machine by its id. */
export function speaksOf(text: string, layout: Layout): boolean {
  const low = text.toLowerCase();
  return ids(layout).some((id) => id !== '' && low.includes(id.toLowerCase()));
}

/** Throws `invalid_argument`. */
export function checkedEarlyText(of: Reader): EarlyText {
  const path = of.matching('path', /^[^/\x00-\x1f]+(?:\/[^/\x00-\x1f]+)*$/, 'a path in an initramfs');
  if (path.split('/').some((part) => part === '.' || part === '..')) throw of.wrong('path', 'a path without . and ..');
  return { initrd: of.matching('initrd', /^\/boot\/[\w.+~-]+$/, 'a file below /boot'), path, text: of.text('text') };
}

/** Lines for the installer's script: these files again, with the ids of this machine. */
export function earlyLines(texts: readonly EarlyText[], names: ReadonlyMap<string, string>): string[] {
  const changed = texts
    .map((one) => ({ ...one, now: withNewIds(one.text, names) }))
    .filter(({ text, now }) => text !== now);
  const initrd = changed[0]?.initrd;
  if (initrd === undefined) return [];
  return [
    ...changed.map(({ path, now }) => `early_file ${quotedLine([path])} ${quoted(now)}`),
    `early_done ${quoted(initrd)}`,
  ];
}

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
