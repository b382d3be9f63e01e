import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { laidOut, withBroughtLists } from '../../../../../agent/tasks/build-lists/bring.ts';
import { gatherLists } from '../../../../../agent/tasks/build-lists/gather.ts';
import { buildLists } from '../../../../../agent/tasks/build-lists/kind.ts';
import { readExlists } from '../../../../../agent/tasks/image-pack/exlist.ts';
import { readPkglists } from '../../../../../agent/tasks/image-build/pkglist.ts';
import type { TaskContext } from '../../../../../agent/tasks/types.ts';
import { BlobStore } from '../../../../../agent/store/blobs.ts';
import type { BuildListsResult, ListBundle } from '../../../../../shared/task/build-lists.ts';
import type { Json } from '../../../../../shared/verb/effect.ts';

let dir = '';
const at = (...path: string[]): string => join(dir, ...path);
const put = (path: string, text: string, mode = 0o644): string => {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text, { mode });
  return at(path);
};
const nothing = { image: 'img', pkglist: [], otherpkglist: [], exlist: [], postinstall: [], environment: {} };
const read = (path: string): Promise<string> => Promise.resolve(readFileSync(path, 'utf8'));

const contextFor = (folder: string, spec: Json): TaskContext => ({
  ...{ id: 'j.lists', dir: at(folder), home: at('home'), installDir: at('install'), tftpDir: '/tftpboot' },
  ...{ correlation: '', spec, signal: new AbortController().signal },
  log: () => undefined,
  progress: () => undefined,
});

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hostler-lists-'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

describe('the lists of an osimage, brought to another machine', () => {
  it('come to the same there: includes, passes, environment', async () => {
    put('mn/more/deep.pkglist', 'deep\n#ENV:A=1#\n');
    put('mn/more.pkglist', '#INCLUDE:more/$SUB.pkglist#\n#NEW_INSTALL_LIST#\nlast, -gone\n');
    const pkglist = put('mn/pkglist', '# comment\nfirst\n#INCLUDE:more.pkglist#\nafter');
    const environment = { SUB: 'deep' };
    const bundle = await gatherLists({ ...nothing, pkglist: [pkglist], environment });
    const named = await laidOut(bundle, { pkglist: [] }, at('far'));
    const there = named['pkglist'] as string[];
    expect(await readPkglists(there, { read, environment })).toEqual(
      await readPkglists([pkglist], { read, environment }),
    );
    expect(Object.keys(named)).toEqual(['pkglist']);
  });

  it('so do exclude lists', async () => {
    put('mn/ex/common.exlist', './usr/share/doc/*\n+./usr/share/doc/keep\n');
    const exlist = put('mn/ex/compute.exlist', '#INCLUDE:common.exlist#\n./boot* # kernels\n');
    const bundle = await gatherLists({ ...nothing, exlist: [exlist] });
    const named = await laidOut(bundle, { exlist: [] }, at('far-ex'));
    expect(await readExlists(named['exlist'] as string[], read)).toEqual(await readExlists([exlist], read));
  });

  it('scripts come with their modes, and files among their arguments', async () => {
    const script = put('mn/post', '#!/bin/sh\n', 0o755);
    const data = put('mn/data', Buffer.from([0, 1, 2]).toString('latin1'));
    const bundle = await gatherLists({ ...nothing, postinstall: [`${script} word ${data} /no/file`] });
    const named = await laidOut(bundle, { postinstall: [] }, at('far-post'));
    const [call = ''] = named['postinstall'] as string[];
    const [there = '', word, copied = '', other] = call.split(' ');
    expect([there.startsWith(at('far-post')), word, other]).toEqual([true, 'word', '/no/file']);
    expect(readFileSync(there, 'utf8')).toBe('#!/bin/sh\n');
    expect(statSync(there).mode & 0o777).toBe(0o755);
    expect(readFileSync(copied, 'latin1')).toBe(readFileSync(data, 'latin1'));
  });

  it.each([
    [
      'what is not there',
      { pkglist: ['/no/such/list'] },
      '/no/such/list cannot be read on the management node either.',
    ],
    ['a list that includes itself', { pkglist: ['LOOP'] }, 'includes itself'],
    ['a folder', { postinstall: ['/usr'] }, '/usr is not an ordinary file'],
  ])('%s is told', async (_, spec, message) => {
    const loop = put('mn/loop', '#INCLUDE:loop#\n');
    const pkglist = ('pkglist' in spec ? spec.pkglist : []).map((path) => (path === 'LOOP' ? loop : path));
    await expect(gatherLists({ ...nothing, ...spec, pkglist })).rejects.toThrow(message);
  });

  it('of a profile are looked for, as the management node has them', async () => {
    vi.stubEnv('HOSTLER_SHARE', at('share'));
    put('share/netboot/rocky/compute.pkglist', 'shipped\n');
    const own = put('install/custom/netboot/rocky/compute.rocky9.pkglist', 'own\n');
    const script = put('share/netboot/rocky/compute.postinstall', '#!/bin/sh\n', 0o755);
    mkdirSync(at('task2'), { recursive: true });
    const search = { osvers: 'rocky9.4', arch: 'x86_64', profile: 'compute' };
    const result = (await buildLists.run(contextFor('task2', { ...nothing, search }))) as BuildListsResult;
    expect(result.found).toMatchObject({ pkglist: own, postinstall: script });
    const bundle = JSON.parse(readFileSync(new BlobStore(at('home')).path(result.blob.digest), 'utf8')) as ListBundle;
    expect(bundle.pkglist).toEqual(['own\n']);
    expect(bundle.postinstall).toHaveLength(1);
    const nosuch = { ...nothing, search: { ...search, profile: 'nosuch' } };
    await expect(buildLists.run(contextFor('task2', nosuch))).rejects.toThrow('no nosuch.pkglist in');
    // Whoever gets them does not look again.
    const context = contextFor('task2', {});
    const spec = {
      image: 'img',
      search: true,
      pkglist: [],
      lists: { blob: result.blob, from: { agent: 'a', endpoints: [] } },
    };
    const told = (await withBroughtLists(spec, context)) as Record<string, Json>;
    expect(told['search']).toBe(false);
    expect(readFileSync((told['pkglist'] as string[])[0] ?? '', 'utf8')).toBe('own\n');
  });

  it('are kept in the store only as they were brought last', async () => {
    const pkglist = put('mn/changing', 'one\n');
    mkdirSync(at('task'), { recursive: true });
    const context = contextFor('task', { ...nothing, pkglist: [pkglist] });
    const first = (await buildLists.run(context)) as BuildListsResult;
    const store = new BlobStore(at('home'));
    expect(await store.size(first.blob.digest)).toBe(first.blob.bytes);
    put('mn/changing', 'two\n');
    const second = (await buildLists.run(context)) as BuildListsResult;
    expect(await store.size(first.blob.digest)).toBeUndefined();
    expect(await store.size(second.blob.digest)).toBe(second.blob.bytes);
  });
});
