import { mkdtempSync, rmSync, utimesSync, writeFileSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LayerCache, trimFolder } from '../../../../../agent/tasks/image-build/layers/cache.ts';
import type { StageResult } from '../../../../../agent/tasks/image-build/layers/cache.ts';
import { differences, mergeLayers, plain } from '../../../../../agent/tasks/image-build/layers/merge.ts';
import { entriesOf, plainEntry } from '../../../../../agent/tasks/image-tree/entries.ts';
import type { Entry, EntryKind } from '../../../../../agent/tasks/image-tree/entries.ts';

const entry = (path: string, kind: EntryKind = 'f', more: Partial<Entry> = {}): Entry => ({
  path,
  kind,
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 1000,
  content: '',
  attributes: '',
  opaque: false,
  ...more,
});

describe('mergeLayers', () => {
  const base = [entry('.', 'd'), entry('./a', 'd'), entry('./a/b', 'd'), entry('./a/b/c'), entry('./ab'), entry('./d')];
  const shown = (...upper: Entry[]): string[] =>
    [...mergeLayers([base, upper].map((entries, at) => ({ id: String(at), entries })))].map(
      ([path, { layer }]) => `${path} ${layer}`,
    );

  it('shows the topmost of each path', () => {
    expect(shown(entry('.', 'd'), entry('./d'), entry('./e'))).toEqual([
      ...['. 1', './a 0', './a/b 0', './a/b/c 0', './ab 0', './d 1', './e 1'],
    ]);
  });

  it('a whiteout takes a path away with all below it, and nothing that only begins alike', () => {
    expect(shown(entry('./a', 'w'))).toEqual(['. 0', './ab 0', './d 0']);
    expect(shown(entry('./nosuch', 'w'))).toHaveLength(base.length);
  });

  it('an opaque folder, and what is no folder any more, hide what was below', () => {
    expect(shown(entry('./a', 'd', { opaque: true }), entry('./a/new'))).toEqual([
      ...['. 0', './a 1', './ab 0', './d 0', './a/new 1'],
    ]);
    expect(shown(entry('./a', 'l'))).toEqual(['. 0', './a 1', './ab 0', './d 0']);
  });
});

describe('differences', () => {
  it('are what was added, taken away, or is otherwise', () => {
    const merge = (...entries: Entry[]): ReturnType<typeof mergeLayers> => mergeLayers([{ id: 'x', entries }]);
    const before = plain(merge(entry('./same'), entry('./gone'), entry('./time'), entry('./caps')));
    const after = merge(
      entry('./same'),
      entry('./time', 'f', { mtime: 2000 }),
      entry('./caps', 'f', { attributes: 'security.capability=0x01' }),
      entry('./new'),
    );
    expect(differences(before, after).map(({ path }) => path)).toEqual(['./caps', './gone', './new', './time']);
  });
});

describe('entries', () => {
  it('are read back as they were written; anything else is no list', () => {
    const one = entry('./a b\nc', 'f', { attributes: 'user.x=0x00', opaque: true, size: 7 });
    expect(entriesOf(JSON.parse(JSON.stringify([plainEntry(one)])))).toEqual([one]);
    for (const wrong of [undefined, {}, [1], [['./a']]]) expect(entriesOf(wrong)).toBeUndefined();
  });
});

describe('LayerCache', () => {
  let home = '';
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'layers-'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));
  const never = new AbortController().signal;
  const result = (key: string, layers: readonly string[], more: Partial<StageResult> = {}): StageResult => ({
    ...{ format: 1, stage: 'packages', key, layers, exact: true, state: 's', below: 'b', contents: [], names: [] },
    ...{ manner: '', epoch: 0 },
    ...more,
  });

  it('finds what was kept while all of its layers are there; what the key does not tell needs the same repositories', async () => {
    const cache = new LayerCache(home);
    await cache.during(never, async () => {
      const draft = await cache.draft();
      writeFileSync(join(draft.tree, 'x'), 'x');
      await cache.seal(draft, [entry('.', 'd'), entry('./x')]);
      await cache.keep(result('one', [draft.id]));
      await cache.keep(result('two', [draft.id], { exact: false }));
      expect((await cache.find('one', 'other'))?.layers).toEqual([draft.id]);
      expect(await cache.find('two', 'other')).toBeUndefined();
      expect(await cache.find('two', 's')).toBeDefined();
      expect(await cache.find('three', 's')).toBeUndefined();
      expect((await cache.others('packages', 'b')).map(({ key }) => key).sort()).toEqual(['one', 'two']);
      rmSync(join(cache.layers, draft.id), { recursive: true });
      expect(await cache.find('one', 's')).toBeUndefined();
    });
  });

  it('a crash leaves a draft that nobody takes for a layer, and that goes with the next clearing up', async () => {
    const cache = new LayerCache(home);
    await cache.during(never, async () => {
      const draft = await cache.draft();
      await cache.keep(result('one', [draft.id]));
      expect(await cache.find('one', 's')).toBeUndefined();
    });
    await cache.trim(0, never);
    expect(readdirSync(cache.layers)).toEqual([]);
  });

  it('keeps files within a limit, those used last', async () => {
    mkdirSync(join(home, 'debs'));
    for (const [name, age] of [
      ['a', 300],
      ['b', 200],
      ['c', 100],
    ] as const) {
      const file = join(home, 'debs', name);
      writeFileSync(file, '0123456789');
      const time = Date.now() / 1000 + 1000 - age;
      utimesSync(file, time, time);
    }
    await trimFolder(join(home, 'debs'), 25);
    expect(readdirSync(join(home, 'debs')).sort()).toEqual(['b', 'c']);
  });
});
