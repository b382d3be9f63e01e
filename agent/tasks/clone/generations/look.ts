import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkedFacts } from '../../../../shared/clone/facts.ts';
import { cloneLookKind, cloneLookVersion } from '../../../../shared/task/clone-tree.ts';
import type { CloneLookResult } from '../../../../shared/task/clone-tree.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import { isDigest } from '../../../store/digest.ts';
import { needBlob } from '../../../store/need-blob.ts';
import { Fields } from '../../image-tree/fields.ts';
import type { InstalledPackage } from '../../image-tree/packages.ts';
import { packPieces } from '../pieces/pack.ts';
import type { TaskKind } from '../../types.ts';
import { generationsOf, goldenPlaces, readRecord, workRecord } from './places.ts';
import { checkedVersion } from './spec.ts';
import { editsOf } from './use.ts';

/** What is known of a golden image, and of what became of its tree since it was packed. Changes nothing. */
export const cloneLook: TaskKind = {
  kind: cloneLookKind,
  version: cloneLookVersion,
  roles: ['store'],
  run: async (context) => {
    const version = await checkedVersion(context.spec, cloneLookKind);
    const bom = new Fields(context.spec, cloneLookKind).text('bom');
    const places = goldenPlaces(version.tree);
    const work = join(context.dir, 'look');
    await mkdir(work, { recursive: true, mode: 0o700 });
    const read = async (digest: string): Promise<unknown> =>
      JSON.parse(await readFile((await needBlob(digest, version.store, work, context)).file, 'utf8'));
    const facts = checkedFacts(await read(version.facts));
    const now = await packPieces(version.tree, join(work, 'pieces'), context);
    const packed = new Map(facts.pieces.map((piece) => [`${piece.kind} ${piece.name}`, piece.digest]));
    const made = new Map(now.map((piece) => [`${piece.kind} ${piece.name}`, piece.digest]));
    const there = (await stat(version.tree).catch(() => undefined))?.isDirectory() === true;
    const madeOf = await readRecord(workRecord(places));
    const result: CloneLookResult = {
      layout: facts.layout,
      files: facts.tree.files,
      packages: isDigest(bom) ? packagesOfBill(await read(bom)) : [],
      pieces: facts.pieces,
      changedPieces: [...new Set([...packed.keys(), ...made.keys()])]
        .filter((key) => packed.get(key) !== made.get(key))
        .sort(),
      generations: (await generationsOf(places)).map(({ id, at }) => ({ id, at, work: id === madeOf?.id })),
      edits: there ? ((await editsOf(places, 20, context)) ?? []) : [],
      folder: version.tree,
    };
    return result as unknown as Json;
  },
};

/** Packages as agent/tasks/image-pack/bill-of-materials.ts lists them. */
export function packagesOfBill(bill: unknown): InstalledPackage[] {
  const list = (bill as { packages?: unknown }).packages;
  if (!Array.isArray(list)) return [];
  return list.map((one: unknown) => {
    const { name, versionInfo, externalRefs } = one as {
      name?: string;
      versionInfo?: string;
      externalRefs?: { referenceLocator?: string }[];
    };
    const arch = /[?&]arch=([^&]*)/.exec(externalRefs?.[0]?.referenceLocator ?? '')?.[1] ?? '';
    return { name: name ?? '', version: versionInfo ?? '', arch: decodeURIComponent(arch) };
  });
}
