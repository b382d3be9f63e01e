import type { GoldenKind } from '../lab/golden-layouts.ts';

/** Kinds of machines that become clones. */
export const targets = ['same', 'nvme', 'scsi', 'firmware', 'mirror', 'smaller'] as const;
export type Target = (typeof targets)[number];

/**
 * What is run together, two machines at a time, in this order: every source once, with every kind of machine on the
 * way; then the rest. Whoever stops in the middle knows the most.
 */
export const batches: readonly (readonly [GoldenKind, readonly Target[]])[] = [
  ['ext4', ['same', 'firmware']],
  ['lvm', ['same', 'scsi']],
  ['raid1', ['same', 'nvme']],
  ['btrfs', ['same', 'firmware']],
  ['ext4', ['mirror', 'smaller']],
  ['raid1', ['firmware', 'scsi']],
  ['lvm', ['firmware', 'nvme']],
  ['btrfs', ['nvme', 'scsi']],
  ['ext4', ['nvme', 'scsi']],
];

/** The batches with only what is wanted; an empty list wants everything. */
export function chosen(sources: readonly string[], wanted: readonly string[]): typeof batches {
  const wants = (list: readonly string[], name: string): boolean => list.length === 0 || list.includes(name);
  return batches
    .filter(([source]) => wants(sources, source))
    .map(([source, on]) => [source, on.filter((target) => wants(wanted, target))] as const)
    .filter(([, on]) => on.length > 0);
}
