import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDiskStore } from '../../manager/registry/disk-store.ts';
import { openMemoryStore } from '../../manager/registry/memory-store.ts';
import { openRegistry } from '../../manager/registry/registry.ts';
import type { Store } from '../../manager/registry/store.ts';
import type { Registry, RevisionRecord } from '../../manager/registry/types.ts';
import type { Change } from '../../shared/verb/effect.ts';

const info = { user: 'root', command: 'chdef -t node n1 ...', correlation: 'c', at: 1000 };

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

interface Backend {
  open(): Promise<Store>;
  /** As after an end of the process: what was acknowledged is there. */
  reopen(store: Store): Promise<Store>;
  drop(): void;
}

function memoryBackend(): Backend {
  // What a memory store holds dies with it, so an end of the process is played by leaving the store open.
  return { open: openMemoryStore, reopen: (store) => Promise.resolve(store), drop: () => undefined };
}

function diskBackend(): Backend {
  const folder = mkdtempSync(join(tmpdir(), 'hostler-store-'));
  return {
    open: () => openDiskStore(folder),
    reopen: async (store) => {
      await store.close();
      return openDiskStore(folder);
    },
    drop: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

describe.each([
  ['memory', memoryBackend],
  ['disk', diskBackend],
])('registry on %s', (_name, makeBackend) => {
  let backend: Backend;
  let store: Store;
  let registry: Registry;
  const put = (name: string, values: Record<string, string | null>): Change => ({ type: 'node', name, values });
  const commit = (...changes: Change[]): ReturnType<Registry['commit']> => registry.commit(info, changes);

  beforeEach(async () => {
    backend = makeBackend();
    store = await backend.open();
    registry = await openRegistry(store);
  });
  afterEach(async () => {
    await registry.close();
    backend.drop();
  });
  const restart = async (): Promise<void> => {
    store = await backend.reopen(store);
    registry = await openRegistry(store);
  };

  test('a commit is one revision, seen at once, there after a restart', async () => {
    expect(registry.view.revision).toBe(0);
    expect(await commit(put('n1', { 'a.b': '1' }), put('n2', { 'a.c': 'ä\n' }))).toEqual({
      outcome: 'done',
      revision: 1,
    });
    const check = (): void => {
      expect(registry.view.row('node', 'n1')).toEqual({ 'a.b': '1' });
      expect(registry.view.row('node', 'n2')).toEqual({ 'a.c': 'ä\n' });
      expect([registry.view.revision, registry.view.count('node'), registry.view.has('node', 'n3')]).toEqual([
        1,
        2,
        false,
      ]);
      expect([...registry.view.rows('node')].map(([name]) => name).sort()).toEqual(['n1', 'n2']);
    };
    check();
    await restart();
    check();
  });

  test('null clears, remove removes, and what changes nothing makes no revision', async () => {
    await commit(put('n1', { a: '1', b: '2' }));
    expect(await commit(put('n1', { a: '1', x: null }))).toEqual({ outcome: 'done', revision: 1 });
    await commit(put('n1', { a: null }));
    expect(registry.view.row('node', 'n1')).toEqual({ b: '2' });
    await commit({ type: 'node', name: 'n1', remove: true });
    expect(registry.view.has('node', 'n1')).toBe(false);
    await restart();
    expect(registry.view.has('node', 'n1')).toBe(false);
    expect(registry.view.revision).toBe(3);
  });

  test('a conflict applies nothing of the commit', async () => {
    await commit(put('n1', { a: '1' }));
    const conflicts: Change[] = [
      { ...put('n1', { a: '3' }), expected: { a: '2' } },
      { ...put('n1', { b: '3' }), expected: { b: 'x' } },
      { ...put('n1', {}), fresh: true },
      { ...put('nobody', { a: '1' }), fresh: false },
    ];
    for (const change of conflicts) {
      expect(await commit(put('n9', { a: '1' }), change)).toMatchObject({ outcome: 'conflict' });
    }
    expect(registry.view.has('node', 'n9')).toBe(false);
    expect(await commit({ ...put('n1', { a: '2' }), expected: { a: '1', b: null }, fresh: false })).toMatchObject({
      revision: 2,
    });
  });

  test('of two that saw the same, asked for at once, one wins', async () => {
    await commit(put('n1', { a: '1' }));
    const change = (a: string): Change => ({ ...put('n1', { a }), expected: { a: '1' } });
    const results = await Promise.all([commit(change('2')), commit(change('3')), commit(put('n2', { a: '1' }))]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['done', 'conflict', 'done']);
    expect(registry.view.row('node', 'n1')).toEqual({ a: '2' });
    expect((await all(registry.history({}))).map(({ revision }) => revision)).toEqual([3, 2, 1]);
  });

  test('commits that wait together see each other, removal and creation too', async () => {
    const results = await Promise.all([
      commit({ ...put('n1', { a: '1' }), fresh: true }),
      commit({ ...put('n1', { a: '1' }), fresh: true }),
      commit({ type: 'node', name: 'n1', remove: true, fresh: false }),
      commit({ ...put('n1', { b: '2' }), fresh: true }),
    ]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['done', 'conflict', 'done', 'done']);
    expect(registry.view.row('node', 'n1')).toEqual({ b: '2' });
    await restart();
    expect(registry.view.row('node', 'n1')).toEqual({ b: '2' });
  });

  test('history tells who, when, by which command, old and new', async () => {
    await commit(put('n1', { a: '1' }));
    await registry.commit({ ...info, user: 'ann', at: 2000 }, [put('n1', { a: '2', b: '1' }), put('n2', { a: '1' })]);
    const [latest, first] = await all(registry.history({}));
    expect(latest).toEqual({
      ...info,
      user: 'ann',
      at: 2000,
      revision: 2,
      changes: [
        { type: 'node', name: 'n1', action: 'changed', values: { a: ['1', '2'], b: [null, '1'] } },
        { type: 'node', name: 'n2', action: 'created', values: { a: [null, '1'] } },
      ],
    });
    expect(first?.revision).toBe(1);
    expect(await all(registry.history({ from: 1, limit: 1 }))).toMatchObject([{ revision: 1 }]);
    expect(await all(registry.history({ type: 'node', name: 'n2' }))).toMatchObject([
      { revision: 2, changes: [{ name: 'n2' }] },
    ]);
    expect(await all(registry.history({ type: 'osimage' }))).toEqual([]);
  });

  test('entries of other rooms are in the same batch as the commit, and told its outcome', async () => {
    const jobs = registry.space('jobs');
    const beside = (result: object) => [{ space: 'jobs', writes: [{ key: 'last', value: result }] }];
    await registry.commit(info, [put('n1', { a: '1' })], beside);
    expect(await jobs.get('last')).toEqual({ outcome: 'done', revision: 1 });
    await registry.commit(info, [{ ...put('n1', {}), fresh: true }], beside);
    expect(await jobs.get('last')).toMatchObject({ outcome: 'conflict' });
    await registry.commit(info, [], () => [{ space: 'jobs', writes: [{ key: 'last', value: undefined }] }]);
    expect(await jobs.get('last')).toBeUndefined();
    expect(registry.view.revision).toBe(1);
  });

  test('key spaces are apart, ordered, and walked from a key on in both directions', async () => {
    const space = registry.space('jobs');
    await registry.space('job').write([{ key: 'x', value: 1 }]);
    await registry.space('jobs2').write([{ key: 'x', value: 1 }]);
    await space.write(['a/3', 'a/1', 'b/1', 'a/2'].map((key) => ({ key, value: { key } })));
    const keys = async (options: Parameters<typeof space.entries>[0]): Promise<string[]> =>
      (await all(space.entries(options))).map(([key]) => key);
    expect(await keys({})).toEqual(['a/1', 'a/2', 'a/3', 'b/1']);
    expect(await keys({ prefix: 'a/', after: 'a/1', limit: 1 })).toEqual(['a/2']);
    expect(await keys({ prefix: 'a/', reverse: true })).toEqual(['a/3', 'a/2', 'a/1']);
    expect(await keys({ prefix: 'a/', after: 'a/3', reverse: true })).toEqual(['a/2', 'a/1']);
    await space.write([{ key: 'a/1', value: undefined }], { soon: true });
    await restart();
    expect((await all(registry.space('jobs').entries())).map(([key]) => key)).toEqual(['a/2', 'a/3', 'b/1']);
  });

  test('what is reported stands beside the definitions, is seen at once, kept, and gone with its object', async () => {
    await commit(put('n1', { a: '1' }));
    registry.observe('node', 'n1', { status: 'booting', x: '1' });
    registry.observe('node', 'n1', { status: 'booted', x: null });
    registry.observe('node', 'n2', { status: 'booted' });
    expect(registry.view.reported('node', 'n1')).toEqual({ status: 'booted' });
    expect(registry.view.row('node', 'n1')).toEqual({ a: '1' });
    expect(await all(registry.history({}))).toHaveLength(1);
    // Long enough for the flush, however slow the machine: it is waited for, not measured.
    await expect.poll(async () => (await all(store.entries({ gte: 's', lt: 't' }))).length, { timeout: 5000 }).toBe(2);
    await restart();
    expect(registry.view.reported('node', 'n1')).toEqual({ status: 'booted' });
    await commit({ type: 'node', name: 'n1', remove: true });
    expect(registry.view.reported('node', 'n1')).toBeUndefined();
    await restart();
    expect([...registry.view.reportedRows('node')]).toEqual([['n2', { status: 'booted' }]]);
  });

  test('what is reported last is written when the registry is closed', async () => {
    registry.observe('node', 'n1', { status: 'booted' });
    const space = registry.space('x');
    if (makeBackend === diskBackend) {
      await registry.close();
      store = await backend.open();
      registry = await openRegistry(store);
      expect(registry.view.reported('node', 'n1')).toEqual({ status: 'booted' });
    } else {
      await registry.close();
      await expect(space.write([{ key: 'a', value: 1 }])).rejects.toMatchObject({ code: 'unavailable' });
      registry = await openRegistry(await backend.open());
    }
  });

  test('a watcher gets the past from its revision on, then what happens, without gap or repetition', async () => {
    for (const a of ['1', '2', '3']) await commit(put('n1', { a }));
    const ending = new AbortController();
    const seen: RevisionRecord[] = [];
    const watching = (async () => {
      for await (const record of registry.watch({ type: 'node', from: 2 }, ending.signal)) {
        seen.push(record);
        if (record.revision === 2) await Promise.all([commit(put('n1', { a: '4' })), commit(put('n2', { a: '5' }))]);
        if (seen.length === 4) ending.abort();
      }
    })();
    await watching;
    expect(seen.map(({ revision }) => revision)).toEqual([2, 3, 4, 5]);
  });

  test('a watcher of one object hears of nothing else; one without a revision starts now', async () => {
    await commit(put('n1', { a: '1' }));
    const ending = new AbortController();
    const watch = registry.watch({ type: 'node', name: 'n1' }, ending.signal)[Symbol.asyncIterator]();
    const next = watch.next();
    await commit(put('n2', { a: '1' }));
    await commit(put('n1', { a: '2' }), put('n2', { a: '2' }));
    expect((await next).value).toMatchObject({ revision: 3, changes: [{ name: 'n1' }] });
    const after = watch.next();
    ending.abort();
    expect(await after).toMatchObject({ done: true });
  });

  test('a watcher that does not keep up is cut off and told where to go on', async () => {
    const watch = registry.watch({}, new AbortController().signal)[Symbol.asyncIterator]();
    const first = watch.next();
    const many = (a: string): Change[] => Array.from({ length: 30_000 }, (_, index) => put(`n${index}`, { a }));
    await commit(...many('1'));
    await commit(...many('2'));
    await commit(...many('3'));
    expect((await first).value).toMatchObject({ revision: 1 });
    expect((await watch.next()).value).toMatchObject({ revision: 2 });
    await expect(watch.next()).rejects.toMatchObject({
      code: 'resource_exhausted',
      message: expect.stringContaining('revision 3') as unknown,
    });
  });

  test('names and values that no registry should hold are refused, and nothing else suffers', async () => {
    const bad: Change[] = [
      put('', { a: '1' }),
      put('a\u0000b', { a: '1' }),
      put('n'.repeat(256), { a: '1' }),
      put('n1', { a: 'x'.repeat(256 * 1024 + 1) }),
      put('n1', { ['k'.repeat(256)]: '1' }),
      { type: 'o\u0000x', name: 'n1', values: {} },
    ];
    const results = await Promise.allSettled([...bad.map((change) => commit(change)), commit(put('n1', { a: '1' }))]);
    expect(results.map(({ status }) => status)).toEqual([...bad.map(() => 'rejected'), 'fulfilled']);
    await commit(put('__proto__', { ['__proto__']: 'x', constructor: 'y' }));
    await restart();
    expect(Object.entries(registry.view.row('node', '__proto__') ?? {})).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(registry.view.count('node')).toBe(2);
  });
});
