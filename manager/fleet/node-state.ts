import { bootStages, installStages } from '../../shared/task/node-events.ts';
import { readTimeline, type Timeline } from '../../shared/task/timeline.ts';
import { statusTime } from '../../shared/text/status-time.ts';
import type { Row } from '../../shared/verb/view.ts';

/** A NodeEvent, checked. */
export interface SeenEvent {
  readonly stage: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly bootId: string;
  readonly detail: string;
}

const order = bootStages.flatMap((stage) => (stage === 'initrd' ? [stage, ...installStages] : [stage]));
const rank: ReadonlyMap<string, number> = new Map(order.map((stage, index) => [stage, index]));
const rankOf = (stage: string): number => rank.get(stage) ?? -1;

/**
 * What becomes known of a node by one event, as reported values to be set (null: cleared); empty when it is no news.
 * `known` is what was reported before, `currstate` the node's chain.currstate.
 *
 * A timeline belongs to one boot. Boot servers see a boot begin without knowing its id, and a machine asks for a lease
 * several times in one boot (firmware, boot loader, initrd); so a new timeline begins when another boot id is told, when
 * the boot loader starts again, or when a lease is given to a machine that had left its initrd (or failed) before.
 */
export function nodeStateAfter(
  known: Row,
  event: SeenEvent,
  currstate: string,
): Readonly<Record<string, string | null>> {
  if (event.stage.startsWith('nim-')) return nimStateAfter(known, event);
  if (event.stage === 'refused') return { 'boot.error': event.detail || 'refused' };
  if (event.stage !== 'failed' && !rank.has(event.stage)) return {};
  // Told late, by an outbox that had to wait: the machine has booted again since.
  if (event.bootId !== '' && event.bootId === known['boot.previous']) return {};
  const before = readTimeline(known['boot.timeline']);
  const fresh = beginsAnew(before, known['boot.id'] ?? '', event);
  const kept: Timeline = fresh ? carriedOver(before, event, known) : before;
  const bootId = event.bootId !== '' ? event.bootId : fresh ? '' : (known['boot.id'] ?? '');
  const timeline = event.stage in kept ? kept : { ...kept, [event.stage]: event.at };
  const status = event.stage === 'failed' ? 'failed' : statusOf(timeline, currstate);
  const error =
    event.stage === 'failed' ? event.detail || 'failed' : fresh || event.stage === 'booted' ? null : undefined;
  return {
    'boot.timeline': JSON.stringify(timeline),
    'boot.id': bootId === '' ? null : bootId,
    ...(fresh && known['boot.id'] !== undefined ? { 'boot.previous': known['boot.id'] } : {}),
    ...(error === undefined ? {} : { 'boot.error': error }),
    // How far it is, for people; and that scripts of a fresh installation are still to be run.
    ...(event.stage === 'installing' ? { 'boot.detail': event.detail } : {}),
    ...(event.stage === 'installed' ? { 'boot.detail': null, 'hostler.freshinstall': 'yes' } : {}),
    ...(event.stage === 'dhcp' ? { 'boot.lease': String(event.at) } : {}),
    ...(status === known['nodelist.status'] && !fresh
      ? {}
      : { 'nodelist.status': status, 'nodelist.statustime': statusTime(event.at) }),
  };
}

function beginsAnew(before: Timeline, bootId: string, { stage, bootId: told }: SeenEvent): boolean {
  if (told !== '' && bootId !== '' && told !== bootId) return true;
  const furthest = Math.max(-1, ...Object.keys(before).map(rankOf));
  if (stage === 'loader') return furthest >= rankOf('kernel') || 'failed' in before;
  if (stage === 'dhcp') return furthest >= rankOf('switched') || 'failed' in before;
  return false;
}

/** Of an earlier timeline only a lease that was given after everything else belongs to the boot that begins. */
function carriedOver(before: Timeline, event: SeenEvent, known: Row): Timeline {
  const lease = Number(known['boot.lease'] ?? 0);
  const lastSeen = Math.max(0, ...Object.entries(before).map(([stage, at]) => (stage === 'dhcp' ? 0 : at)));
  return event.stage !== 'dhcp' && lease > lastSeen && lease <= event.at ? { dhcp: lease } : {};
}

/** xCAT's words: netbooting or installing (by what nodeset asked for), booted. */
function statusOf(timeline: Timeline, currstate: string): string {
  if ('booted' in timeline) return 'booted';
  if (/^(?:install|sysclone)/.test(currstate)) return 'installing';
  return /^(netboot|statelite|diskless|dataless)/.test(currstate) ? 'netbooting' : 'booting';
}

/** What NIM says has no timeline: a status, and the step where it tells one (`hostler.nim`). */
function nimStateAfter(known: Row, event: SeenEvent): Readonly<Record<string, string | null>> {
  const status = event.stage.slice('nim-'.length);
  if (status === 'refused') return { 'boot.error': event.detail || 'refused' };
  const failed = status === 'failed';
  return {
    'hostler.nim': failed || event.detail === '' ? null : event.detail,
    'boot.error': failed ? event.detail || 'failed' : null,
    ...(status === known['nodelist.status']
      ? {}
      : { 'nodelist.status': status, 'nodelist.statustime': statusTime(event.at) }),
  };
}
