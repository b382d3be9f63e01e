import type { BootStage } from '../../../shared/task/node-events.ts';

/** One boot of one MAC, as far as this boot server saw it. */
export interface BootRecord {
  readonly mac: string;
  readonly node: string;
  /** When it began, and when something was last seen of it: milliseconds since the epoch. */
  readonly began: number;
  readonly seen: number;
  readonly stages: readonly BootStage[];
  /** Failures told so far. */
  readonly failures: number;
  /** The one claim of this boot: the kernel's boot id, and the token's id. */
  readonly claim?: { readonly bootId: string; readonly token: string };
  /** The deploy by which the machine was installed last; outlives boots. */
  readonly installed?: string;
  /** The deploy that is being worked on; outlives boots, as a machine whose plug was pulled begins anew. */
  readonly attempt?: InstallAttempt;
}

export interface InstallAttempt {
  readonly deploy: string;
  /** From 1. */
  readonly count: number;
  /** What was told last. */
  readonly step: string;
}

/** Firmware, its boot loader and the loader's script follow each other within this; later it is another boot. */
const pauseMilliseconds = 120_000;
/** From the loader's script to the claim: a large image over a slow network. */
const claimMilliseconds = 1_800_000;
const mostFailures = 20;

export type Sighting =
  /** A lease for firmware or iPXE, not for an operating system. */
  | { readonly what: 'dhcp' }
  | { readonly what: 'loader' }
  | { readonly what: 'stage'; readonly stage: BootStage }
  | { readonly what: 'failed' };

/**
 * Pure: what the boot looks like after something was seen of it, and whether that is news. A lease or a loader after
 * anything but their own forerunners begins a new boot.
 */
export function advance(
  record: BootRecord | undefined,
  of: { mac: string; node: string },
  sighting: Sighting,
  now: number,
): { record: BootRecord; news: boolean } {
  const fresh = (stage: BootStage): { record: BootRecord; news: true } => ({
    record: {
      ...of,
      began: now,
      seen: now,
      stages: [stage],
      failures: 0,
      ...(record?.installed !== undefined && { installed: record.installed }),
      ...(record?.attempt !== undefined && { attempt: record.attempt }),
    },
    news: true,
  });
  const current = record?.node === of.node ? record : undefined;
  const last = current?.stages.at(-1);
  const recent = current !== undefined && now - current.seen < pauseMilliseconds;
  const same = (change: Partial<BootRecord>): BootRecord => ({
    ...(current ?? { ...of, began: now, stages: [], failures: 0 }),
    seen: now,
    ...change,
  });
  if (sighting.what === 'dhcp') {
    return recent && last === 'dhcp' ? { record: same({}), news: false } : fresh('dhcp');
  }
  if (sighting.what === 'loader') {
    if (recent && last === 'loader') return { record: same({}), news: false };
    return recent && last === 'dhcp' ? { record: same({ stages: ['dhcp', 'loader'] }), news: true } : fresh('loader');
  }
  if (sighting.what === 'failed') {
    const failures = (current?.failures ?? 0) + 1;
    return { record: same({ failures }), news: failures <= mostFailures };
  }
  const stages = current?.stages ?? [];
  if (stages.includes(sighting.stage)) return { record: same({}), news: false };
  return { record: same({ stages: [...stages, sighting.stage] }), news: true };
}

export type ClaimAnswer =
  | { readonly outcome: 'granted'; readonly record: BootRecord; readonly token: string }
  | { readonly outcome: 'refused'; readonly reason: string };

/**
 * Pure: one token for each boot that was served. The same kernel may ask again (its answer was lost) and gets the
 * same token's id; another kernel does not. `newToken`: 32 hexadecimal digits, drawn by the caller.
 */
export function claim(record: BootRecord | undefined, bootId: string, newToken: string, now: number): ClaimAnswer {
  if (!record?.stages.includes('loader')) {
    return { outcome: 'refused', reason: 'no boot was served to this machine since it was last seen' };
  }
  if (record.claim) {
    return record.claim.bootId === bootId
      ? { outcome: 'granted', record, token: record.claim.token }
      : { outcome: 'refused', reason: 'the token of this boot was claimed already, by another kernel' };
  }
  if (now - record.began > claimMilliseconds) {
    return { outcome: 'refused', reason: 'the boot was served too long ago' };
  }
  return { outcome: 'granted', record: { ...record, claim: { bootId, token: newToken } }, token: newToken };
}
