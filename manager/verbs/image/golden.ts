import { overrideOrder, scriptClasses } from '../../../shared/clone/pieces.ts';
import type { ClonePiece } from '../../../shared/clone/pieces.ts';
import { cloneLookKind, cloneUseKind } from '../../../shared/task/clone-tree.ts';
import type { CloneLookResult, CloneLookSpec, GoldenVersion } from '../../../shared/task/clone-tree.ts';
import type { Effect, Json, TaskRequest } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { describe } from './description.ts';
import { layoutLines } from './layout-text.ts';
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
    'overrides, in the order in which they are laid (later ones win):',
    ...pieceLines(found.pieces, osimage),
    ...found.changedPieces.map((piece) => `  ${piece}: changed since it was packed; packimage ${osimage} takes it in`),
    '',
  ].join('\n');
}

function pieceLines(pieces: readonly ClonePiece[], image: string): string[] {
  const overrides = pieces.filter(({ kind }) => kind === 'override');
  const scripts = pieces.filter(({ kind }) => kind === 'script');
  const fixed = overrideOrder({ image, node: '', groups: [] });
  const line = (name: string, of: string): string[] =>
    overrides.filter((one) => one.name === name).map((one) => `  ${name} (${of}, ${megabytes(one.bytes)})`);
  const own = overrides.filter(({ name }) => !fixed.includes(name));
  const classes = scriptClasses({ image, node: '', groups: [] });
  const rank = (name: string): number => {
    const at = classes.findIndex((one) => name.slice(2).startsWith(`${one}.`));
    return at < 0 ? classes.length : at;
  };
  return [
    ...(overrides.length === 0 ? ['  none'] : []),
    ...line(image, 'of the image'),
    ...line(fixed[1] ?? '', 'of every node'),
    ...own.map(
      ({ name, bytes }) => `  ${name} (of the group or node of that name; groups the last first, ${megabytes(bytes)})`,
    ),
    'post-install scripts, in the order in which they run:',
    ...(scripts.length === 0 ? ['  none'] : []),
    ...[...scripts]
      .sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1))
      .map(({ name }) => `  ${name}`),
  ];
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
