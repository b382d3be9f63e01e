import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replaceFile } from '../../../shared/files/durable.ts';
import { buildListsKind, buildListsVersion } from '../../../shared/task/build-lists.ts';
import type { BuildListsResult } from '../../../shared/task/build-lists.ts';
import { BlobStore } from '../../store/blobs.ts';
import { isDigest } from '../../store/digest.ts';
import { findLists } from '../image-build/search.ts';
import { absolutePath, Fields, plainWord } from '../image-tree/fields.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { gatherLists } from './gather.ts';

/** Puts the lists and scripts of an osimage into the store of this machine, for a build on one that has them not. */
export const buildLists: TaskKind = {
  kind: buildListsKind,
  version: buildListsVersion,
  roles: ['store'],
  run: async (context) => await gather(context),
};

async function gather(context: TaskContext): Promise<BuildListsResult> {
  const fields = new Fields(context.spec, context.id);
  const paths = (name: string): string[] => fields.texts(name).map((path) => absolutePath(path, `The ${name}`));
  const spec = {
    image: plainWord(fields.text('image'), 'The image name'),
    ...{ pkglist: paths('pkglist'), otherpkglist: paths('otherpkglist'), exlist: paths('exlist') },
    synclists: 'synclists' in (context.spec as object) ? paths('synclists') : [],
    postinstall: paths('postinstall'),
    environment: fields.record('environment'),
  };
  const found = await searched(context);
  const bundle = await gatherLists(found === undefined ? spec : { ...spec, ...named(found) });
  const store = new BlobStore(context.home);
  const last = join(context.home, 'cache', 'bundles', spec.image);
  await mkdir(dirname(last), { recursive: true, mode: 0o700 });
  const before = await readFile(last, 'utf8').catch(() => '');
  const file = join(context.dir, 'bundle');
  await writeFile(file, JSON.stringify(bundle), { mode: 0o600 });
  try {
    const { digest, bytes } = await store.putFile(file, 'copy', { signal: context.signal, wantedBy: context.dir });
    await replaceFile(last, digest);
    // The one that this one takes the place of: nobody refers to it any more.
    if (isDigest(before) && before !== digest) await store.removeUnlessWanted(before, 0);
    return { blob: { digest, bytes }, ...(found !== undefined && { found }) };
  } finally {
    await rm(file, { force: true });
  }
}

/** The lists of a profile on this machine, where nothing is named; undefined: something is. */
async function searched(context: TaskContext): Promise<Readonly<Record<string, string>> | undefined> {
  const { spec } = context;
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec) || !('search' in spec)) return undefined;
  const fields = new Fields(spec, context.id).inner('search');
  const [osvers, profile] = [fields.text('osvers'), plainWord(fields.text('profile'), 'The profile')];
  return await findLists(osvers, plainWord(fields.text('arch'), 'The architecture'), profile, context.installDir);
}

function named(found: Readonly<Record<string, string>>): Record<'pkglist' | 'otherpkglist' | 'postinstall', string[]> {
  const one = (name: string): string[] => (found[name] === undefined ? [] : [found[name]]);
  return { pkglist: one('pkglist'), otherpkglist: one('otherpkglist'), postinstall: one('postinstall') };
}
