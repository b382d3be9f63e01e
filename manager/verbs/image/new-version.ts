import { imageStatement } from '../../../shared/identity/image-statement.ts';
import type { StoreAccess } from '../../../shared/task/blob.ts';
import type { ImagePackResult } from '../../../shared/task/image-pack.ts';
import type { Change } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { words } from './description.ts';
import { versionsOf } from './versions.ts';

/** Who packs what, when, and which agent keeps it. */
export interface Packing {
  readonly image: string;
  readonly at: number;
  readonly user: string;
  readonly store: string;
}

/** What makes a packed image a version of its osimage, and the current one. */
export function versionChanges(
  state: Packing,
  version: string,
  result: ImagePackResult,
  agent: string,
  known: View,
): Change[] {
  const files = Object.entries({
    root: result.root,
    kernel: result.kernel,
    initrd: result.initrd,
    manifest: result.manifest,
    bom: result.bom,
    files: result.files,
  }).flatMap(([name, blob]): [string, string | null][] => [
    [`image.${name}`, blob?.digest ?? null],
    [`image.${name}bytes`, blob === null ? null : String(blob.bytes)],
  ]);
  const before = known.row('image', version);
  const now = known.row('osimage', state.image);
  return [
    {
      type: 'image',
      name: version,
      values: {
        ...Object.fromEntries(files),
        'image.osimage': state.image,
        'image.digest': result.manifest.digest,
        'image.generation': before?.['image.generation'] ?? String(nextGeneration(known, state.image)),
        'image.kernelver': result.kernelver,
        'image.arch': result.arch,
        'image.method': result.method,
        'image.compress': result.compress ?? null,
        'image.checked': result.checked ? 'yes' : null,
        'image.store': state.store,
        'image.builtby': agent,
        'image.packedat': new Date(state.at).toISOString(),
        'image.packedby': state.user,
      },
      sign: { 'image.signature': imageStatement(result.manifest.digest, result.root.digest) },
      // One that is being taken away is not there any more, wherever its files are at this moment.
      expected: { 'image.digest': before?.['image.digest'] ?? null, 'image.state': null },
    },
    {
      type: 'osimage',
      name: state.image,
      values: { 'hostler.current': result.root.digest, 'hostler.version': version },
      expected: {
        'hostler.current': now?.['hostler.current'] ?? null,
        'hostler.version': now?.['hostler.version'] ?? null,
      },
    },
  ];
}

/**
 * The builder's own store where it has one, else the first by name that can be reached; before those of service nodes,
 * which may have no disk and hold copies for who is behind them.
 */
export function chooseStore(known: View, builder: string | undefined): StoreAccess | undefined {
  const stores = [...known.reportedRows('agent')]
    .filter(([, row]) => row['agent.state'] === 'connected' && words(row['agent.roles'] ?? '').includes('store'))
    .map(([agent, row]) => {
      const booted = row['agent.kind'] === 'node';
      return { agent, endpoints: words(row['agent.store'] ?? ''), key: `${booted ? '1' : '0'}${agent}` };
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const own = stores.find(({ agent }) => agent === builder);
  if (own !== undefined) return { agent: own.agent, endpoints: [] };
  const found = stores.find(({ endpoints }) => endpoints.length > 0);
  return found && { agent: found.agent, endpoints: found.endpoints };
}

/** Versions of an osimage are counted from 1; a number is never given to another one while a later one is there. */
export function nextGeneration(known: View, osimage: string): number {
  return 1 + Math.max(0, ...versionsOf(known, osimage).map(({ row }) => Number(row['image.generation'] ?? 0) || 0));
}
