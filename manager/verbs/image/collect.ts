import { commaList } from '../../../shared/objects/index.ts';
import { storeCollectKind, type StoreCollectResult } from '../../../shared/task/store.ts';
import type { Change, Effect, Json, Report } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { blobsOf, nodesByRoot, versionNamed, versionsKept, versionsOf, type Version } from './versions.ts';

/** A collection under way: small, stored with the job. */
export interface Collection {
  readonly versions: readonly string[];
  /** Tasks that have not ended: key to the agent. */
  readonly open: { readonly [task: string]: string };
  /** Versions some of whose files could not be taken away. */
  readonly left: readonly string[];
  readonly bytes: number;
  readonly [key: string]: Json;
}

/** Keys of the steps of a collection all begin so. */
const prefix = 'collect';

/** Why a version stays; undefined: nothing needs it. */
export function neededFor(known: View, version: Version): string | undefined {
  if (version.current) return 'it is the current one';
  if (version.row['image.pinned'] !== undefined) return 'it is pinned';
  const { wanted, running } = nodesByRoot(known);
  const counted = (count: number | undefined, what: string): string | undefined =>
    count === undefined ? undefined : `${count} ${count === 1 ? 'node' : 'nodes'} ${what}`;
  return counted(running.get(version.root), 'run it') ?? counted(wanted.get(version.root), 'are to run it');
}

/** Versions that nothing needs and that are not among the newest of their osimage. Those begun to be removed first. */
export function collectable(known: View, osimage?: string): Version[] {
  const kept = versionsKept(known);
  const { wanted, running } = nodesByRoot(known);
  const seen = new Map<string, number>();
  return versionsOf(known, osimage).filter((version) => {
    if (version.removing) return true;
    const place = (seen.get(version.osimage) ?? 0) + 1;
    seen.set(version.osimage, place);
    const used = version.current || version.row['image.pinned'] !== undefined;
    return place > kept && !used && !running.has(version.root) && !wanted.has(version.root);
  });
}

/**
 * Takes versions away: marks them, so that nobody begins to use them; has their files removed from every store that may
 * have them, but for files that other versions share; removes the objects at last. Wherever it is broken off, the marks
 * stay, and the next collection goes on.
 */
export function startCollection(known: View, versions: readonly Version[]): { state: Collection; effects: Effect[] } {
  const leaving = new Set(versions.map(({ name }) => name));
  const needed = new Set(
    versionsOf(known)
      .filter(({ name }) => !leaving.has(name))
      .flatMap(blobsOf),
  );
  const blobs = [...new Set(versions.flatMap(blobsOf))].filter((digest) => !needed.has(digest)).sort();
  const owners = new Set(versions.map(({ row }) => row['image.store'] ?? ''));
  const agents = [...known.reportedRows('agent')]
    .filter(([name, row]) => {
      const roles = commaList(row['agent.roles'] ?? '');
      const keeps = roles.includes('store') || roles.includes('boot');
      return owners.has(name) || (keeps && row['agent.state'] === 'connected');
    })
    .map(([name]) => name)
    .sort();
  const open = Object.fromEntries(agents.map((agent, index) => [`${prefix}-${index + 1}`, agent]));
  const guards = new Map<string, Change>();
  for (const { osimage } of versions) {
    const row = known.row('osimage', osimage);
    if (row === undefined) continue;
    const expected = {
      'hostler.current': row['hostler.current'] ?? null,
      'hostler.version': row['hostler.version'] ?? null,
    };
    guards.set(osimage, { type: 'osimage', name: osimage, values: {}, expected });
  }
  const marks = versions.map(({ name, row }): Change => {
    const expected = { 'image.state': row['image.state'] ?? null, 'image.pinned': row['image.pinned'] ?? null };
    return { type: 'image', name, values: { 'image.state': 'removing' }, expected };
  });
  const commit: Effect = { do: 'commit', key: `${prefix}-mark`, changes: [...guards.values(), ...marks] };
  const runs = Object.entries(open).map(([key, agent]): Effect => ({
    do: 'run',
    task: {
      key,
      kind: storeCollectKind,
      title: `Remove ${versions.length === 1 ? (versions[0]?.name ?? '') : `${versions.length} images`} from ${agent}`,
      on: { agent },
      spec: { blobs },
      deadline: 3600,
    },
  }));
  const state: Collection = { versions: [...leaving].sort(), open, left: [], bytes: 0 };
  return { state, effects: [commit, ...runs] };
}

export function isCollecting(report: Report): boolean {
  return report.about !== 'cancel' && report.key.startsWith(prefix);
}

export interface CollectionStep {
  readonly state: Collection;
  readonly effects: readonly Effect[];
  /** Set when it has ended: a sentence, and whether something is left. */
  readonly ended?: { readonly text: string; readonly whole: boolean };
}

/** Goes on with a report that `isCollecting`. */
export function collectionHeard(state: Collection, report: Report, known: View): CollectionStep {
  if (report.about === 'cancel') return { state, effects: [] };
  if (report.about === 'commit') {
    if (report.outcome === 'conflict') {
      const text = `No image was removed: ${report.message} Run it again.`;
      return { state, effects: [], ended: { text, whole: false } };
    }
    if (report.key === `${prefix}-mark`) {
      return Object.keys(state.open).length > 0 ? { state, effects: [] } : finish(state, known);
    }
    return { state, effects: [], ended: { text: summary(state), whole: state.left.length === 0 } };
  }
  const { [report.key]: agent = '', ...open } = state.open;
  const affected = (of: (version: string) => boolean): string[] => state.versions.filter(of);
  let left: string[];
  let { bytes } = state;
  if (report.outcome === 'done') {
    const result = report.result as unknown as StoreCollectResult;
    const kept = new Set(result.kept);
    bytes += result.bytes;
    left = affected((name) => rowBlobs(known, name).some((digest) => kept.has(digest)));
  } else left = affected((name) => known.row('image', name)?.['image.store'] === agent);
  const next: Collection = { ...state, open, bytes, left: [...new Set([...state.left, ...left])].sort() };
  return Object.keys(open).length > 0 ? { state: next, effects: [] } : finish(next, known);
}

function rowBlobs(known: View, name: string): string[] {
  const version = versionNamed(known, name);
  return version === undefined ? [] : blobsOf(version);
}

function finish(state: Collection, known: View): CollectionStep {
  const gone = state.versions.filter((name) => !state.left.includes(name) && known.has('image', name));
  if (gone.length === 0) return { state, effects: [], ended: { text: summary(state), whole: state.left.length === 0 } };
  const changes = gone.map((name): Change => ({
    type: 'image',
    name,
    remove: true,
    expected: { 'image.state': 'removing' },
    fresh: false,
  }));
  return { state, effects: [{ do: 'commit', key: `${prefix}-forget`, changes }] };
}

function summary({ versions, left, bytes }: Collection): string {
  const gone = versions.filter((name) => !left.includes(name));
  const lines = gone.length === 0 ? [] : [`Removed ${gone.join(', ')}: ${(bytes / 1e6).toFixed(0)} MB are free again.`];
  if (left.length > 0) {
    lines.push(
      `${left.join(', ')} cannot be used any more, but files of it are still in a store that cannot be reached, or that ` +
        "serves them to nodes; 'hostler image gc' tries again.",
    );
  }
  return lines.join('\n');
}
