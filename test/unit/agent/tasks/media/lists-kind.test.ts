import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { imageLists } from '../../../../../agent/tasks/media/lists-kind.ts';
import type { TaskContext } from '../../../../../agent/tasks/types.ts';
import type { ImageListsResult } from '../../../../../shared/task/image-lists.ts';
import type { Json } from '../../../../../shared/verb/effect.ts';

let root: string;
const put = (path: string, mode = 0o644): string => {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '', { mode });
  return file;
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hostler-lists-'));
  vi.stubEnv('HOSTLER_SHARE', join(root, 'share'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

async function look(searches: Json): Promise<ImageListsResult['found']> {
  const spec = { installdir: join(root, 'install'), searches };
  const context: Partial<TaskContext> = { spec, signal: new AbortController().signal };
  return ((await imageLists.run(context as TaskContext)) as unknown as ImageListsResult).found;
}

const search = { mode: 'netboot', profile: 'compute', osvers: 'rhels8.6.0', osarch: 'x86_64' };

test('the most particular name counts, the own folder before the shipped one, and a script must be executable', async () => {
  const pkglist = put('share/netboot/rh/compute.rhels8.x86_64.pkglist');
  put('share/netboot/rh/compute.pkglist');
  put('share/netboot/rh/compute.exlist');
  const exlist = put('install/custom/netboot/rh/compute.exlist');
  put('share/netboot/rh/compute.postinstall');
  // Without the list that an osimage of its own would need: what is there is found all the same.
  const template = put('install/custom/install/rh/compute.rhels8.tmpl');
  const synclists = put('install/custom/install/rh/service.synclist');
  expect(
    await look([search, { ...search, mode: 'install' }, { ...search, mode: 'install', profile: 'service' }]),
  ).toEqual([
    { profile: 'compute', pkglist, exlist },
    { profile: 'compute', template },
    { profile: 'service', synclists },
  ]);
});

test('words that lead out of the folders are refused', async () => {
  await expect(look([{ ...search, profile: '../compute' }])).rejects.toThrow(/The profile/);
  await expect(look([{ ...search, osvers: 'a/b' }])).rejects.toThrow(/osvers/);
  await expect(look(Array<Json>(1_001).fill(search))).rejects.toThrow(/at most 1000/);
});
