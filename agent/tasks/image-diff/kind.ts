import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreAccess } from '../../../shared/task/blob.ts';
import { imageDiffKind, imageDiffVersion, type ImageDiffResult } from '../../../shared/task/image-diff.ts';
import type { ImageManifest } from '../../../shared/task/image-pack.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { needBlob } from '../../store/need-blob.ts';
import { Fields } from '../image-tree/fields.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { goldenPackages, listGolden } from './golden.ts';
import { listImage, type Listed, type Listing } from './listing.ts';

/** imgdiff: packages and files of two versions. */
export const imageDiff: TaskKind = {
  kind: imageDiffKind,
  version: imageDiffVersion,
  roles: ['store', 'build'],
  run: async (context) => await compare(context),
};

interface Side {
  readonly listing: Listing;
  readonly packages: ReadonlyMap<string, string>;
  readonly packed: number;
}

async function compare(context: TaskContext): Promise<ImageDiffResult> {
  const spec = context.spec as { readonly [key: string]: Json };
  const images = Array.isArray(spec['images']) ? (spec['images'] as readonly Json[]) : [];
  const most = typeof spec['most'] === 'number' ? Math.min(spec['most'], 20_000) : 1_000;
  const first = await sideOf(images[0], 'a', context);
  const second = await sideOf(images[1], 'b', context);
  const files = differences(first.listing, second.listing, describe, same);
  const packages = differences(first.packages, second.packages, (version) => version);
  const count = (sign: string): number => files.filter((line) => line.startsWith(sign)).length;
  return {
    packages,
    files: files.slice(0, most),
    leftOut: Math.max(0, files.length - most),
    added: count('+'),
    removed: count('-'),
    changed: count('~'),
    bytes: [total(first.listing), total(second.listing)],
    packed: [first.packed, second.packed],
  };
}

async function sideOf(image: Json | undefined, name: string, context: TaskContext): Promise<Side> {
  const fields = new Fields(image, `image-diff.${name}`);
  const from = fields.inner('from');
  const access: StoreAccess = { agent: from.text('agent'), endpoints: from.texts('endpoints') };
  const work = join(context.dir, name);
  const root = await needBlob(fields.inner('root').text('digest'), access, work, context);
  const manifest = await needBlob(fields.inner('manifest').text('digest'), access, work, context);
  context.progress('read', `reading image ${name}`);
  const method = fields.oneOf('method', ['squashfs', 'cpio', 'tar', 'clone']);
  if (method === 'clone') {
    const digest = fields.inner('root').text('digest');
    const listing = await listGolden({ file: root.file, digest }, manifest.file, work, context);
    const bill = fields.inner('bom').text('digest');
    const known = bill === '' ? [] : await goldenPackages((await needBlob(bill, access, work, context)).file);
    return {
      listing,
      packages: new Map(known.map((one) => [`${one.name}:${one.arch}`, one.version])),
      packed: root.bytes,
    };
  }
  const listing = await listImage(root.file, method, work, context.signal);
  const { packages } = JSON.parse(await readFile(manifest.file, 'utf8')) as ImageManifest;
  const versions = packages.map((one) => [`${one.name}:${one.arch}`, one.version] as const);
  return { listing, packages: new Map(versions), packed: root.bytes };
}

/** Lines by name. */
export function differences<T>(
  first: ReadonlyMap<string, T>,
  second: ReadonlyMap<string, T>,
  shown: (one: T) => string,
  equal: (a: T, b: T) => boolean = (a, b) => a === b,
): string[] {
  const names = [...new Set([...first.keys(), ...second.keys()])].sort();
  return names.flatMap((name) => {
    const [a, b] = [first.get(name), second.get(name)];
    if (a === undefined) return b === undefined ? [] : [`+ ${name} ${shown(b)}`];
    if (b === undefined) return [`- ${name} ${shown(a)}`];
    return equal(a, b) ? [] : [`~ ${name} ${shown(a)} -> ${shown(b)}`];
  });
}

function same(a: Listed, b: Listed): boolean {
  return a.kind === b.kind && a.mode === b.mode && a.owner === b.owner && a.content === b.content;
}

function describe({ kind, mode, owner, bytes, content }: Listed): string {
  const what = kind === 'f' ? `${bytes} bytes ${content.slice(0, 8)}` : kind === 'l' ? `-> ${content}` : '';
  return `${kind} ${mode} ${owner} ${what}`.trim();
}

function total(listing: Listing): number {
  let sum = 0;
  for (const { bytes } of listing.values()) sum += bytes;
  return sum;
}
