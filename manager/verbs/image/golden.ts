import { cloneLookKind, cloneUseKind } from '../../../shared/task/clone-tree.ts';
import type { CloneLookResult, CloneLookSpec, GoldenVersion } from '../../../shared/task/clone-tree.ts';
import type { Effect, Json, TaskRequest } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { describe } from './description.ts';
import { layoutLines } from './layout-text.ts';
import { pieceLines } from './override-text.ts';
import { cloneFolders } from './pack-clone.ts';
import { columns, megabytes, shortTime } from './text.ts';
import { blobOf, storeOf, versionsOf, type Version } from './versions.ts';

/** A golden tree: packed as a stream that machines are installed from. */
export const isGolden = ({ row }: Version): boolean => row['image.method'] === 'clone';

/** Seconds. */
const looking = 600;
const unpacking = 4 * 3600;

/** A version, as the agent that keeps it is told of it. */
export function goldenVersion(known: View, version: Version, install: string): GoldenVersion {
  const none = { name: version.osimage, value: () => '', list: () => [] };
  const { agent } = storeOf(known, version);
  return {
    image: version.osimage,
    tree: cloneFolders(describe(known, version.osimage) ?? none, install).tree,
    root: version.root,
    facts: blobOf(version, 'manifest')?.digest ?? '',
    // The agent that keeps it does it: nothing has to come from elsewhere.
    store: { agent, endpoints: [] },
  };
}

/** Puts the version's tree in place of the work tree. */
export function useTask(known: View, version: Version, install: string): TaskRequest {
  const spec = goldenVersion(known, version, install);
  return {
    key: 'use',
    kind: cloneUseKind,
    title: `Put the tree of ${version.name} in place`,
    on: { role: 'store', agent: spec.store.agent },
    spec: spec as unknown as Json,
    deadline: unpacking,
    lock: `clone:${version.osimage}`,
    refuseIfLocked: `${version.osimage} is being captured or packed. Wait for its end.`,
  };
}

export function lookTask(known: View, version: Version, install: string): TaskRequest {
  const spec: CloneLookSpec = {
    ...goldenVersion(known, version, install),
    bom: blobOf(version, 'bom')?.digest ?? '',
  };
  return {
    key: 'look',
    kind: cloneLookKind,
    title: `Look into ${version.name}`,
    on: { role: 'store', agent: spec.store.agent },
    spec: spec as unknown as Json,
    deadline: looking,
  };
}

export interface Shown {
  readonly version: Version;
  readonly fields: readonly (readonly [string, string])[];
  readonly packages: boolean;
}

/** What `hostler image show` tells of a golden image, behind what it tells of any. */
export function goldenText(known: View, { version, fields, packages }: Shown, found: CloneLookResult): string {
  const { osimage } = version;
  const unpacked = new Map(found.generations.map((one) => [one.id, one]));
  const generations = versionsOf(known, osimage).map((one) => {
    const kept = unpacked.get((one.row['image.manifest'] ?? '').slice(0, 12));
    const state = [one.current ? 'current' : '', kept?.work === true ? 'work tree' : ''].filter((word) => word !== '');
    return [
      `${osimage}@${one.row['image.generation'] ?? '?'}`,
      one.name,
      shortTime(one.packedAt),
      megabytes(blobOf(one, 'root')?.bytes ?? 0),
      kept === undefined ? 'packed' : 'packed and unpacked',
      state.join(', ') || '-',
    ];
  });
  const all: (readonly [string, string])[] = [
    ...fields,
    ['entries', String(found.files)],
    ['packages', packages ? '' : `${found.packages.length} (--packages lists them)`],
    ['tree', `${found.folder}${found.edits.length === 0 ? '' : `, edited since it was packed: ${some(found.edits)}`}`],
  ];
  const width = Math.max(...all.map(([name]) => name.length));
  return [
    all.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd()).join('\n'),
    ...(packages ? found.packages.map((one) => `  ${one.name} ${one.version} ${one.arch}`) : []),
    'generations:',
    indented(columns(generations)),
    'layout:',
    ...layoutLines(found.layout).map((line) => `  ${line}`),
    ...pieceLines(known, osimage, found.pieces),
    ...found.changedPieces.map((piece) => `  ${piece}: changed since it was packed; packimage ${osimage} takes it in`),
    '',
  ].join('\n');
}

function some(list: readonly string[]): string {
  return list.length > 5 ? `${list.slice(0, 5).join(', ')} and more` : list.join(', ');
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ').trimEnd();
}

/** The same as data. */
export function goldenData(version: Version, found: CloneLookResult): Effect {
  const value = { name: version.name, current: version.current, ...version.row, golden: found as unknown as Json };
  return { do: 'data', value };
}
