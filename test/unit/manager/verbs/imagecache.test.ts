import { describe, expect, it } from 'vitest';
import { imagecache } from '../../../../manager/verbs/imagecache.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const known = new MemoryView({});
const step = (options: Record<string, readonly string[]>, operands: string[] = []) =>
  imagecache.start(asked('imagecache', { operands, options, user: 'admin' }), known);

describe('imagecache', () => {
  it.each([
    [{}, { on: { role: 'build' }, spec: { clear: false, trim: false, most: 0 } }],
    [
      { clear: [''], on: ['b1'] },
      { on: { agent: 'b1' }, spec: { clear: true, trim: false, most: 0 } },
    ],
  ])('%j asks one build host', (options, task) => {
    expect(step(options).effects).toEqual([
      { do: 'run', task: expect.objectContaining({ kind: 'image-cache', ...task }) as unknown },
    ]);
  });

  it('has the limit of the site, and refuses what is none', () => {
    const limited = (imagecachesize: string) =>
      imagecache.start(
        asked('imagecache', { operands: [], options: { trim: [''] }, user: 'admin' }),
        new MemoryView({ site: { clustersite: { 'site.imagecachesize': imagecachesize } } }),
      );
    expect(limited('20g').effects[0]).toMatchObject({ task: { spec: { trim: true, most: 20 * 2 ** 30 } } });
    expect(limited('800MiB').effects[0]).toMatchObject({ task: { spec: { most: 800 * 2 ** 20 } } });
    expect(limited('much').effects[0]).toMatchObject({
      do: 'refuse',
      message: expect.stringContaining('site.imagecachesize is no size') as string,
    });
    const { state } = limited('20g');
    const result = { layers: 762_000_000, packages: 0, most: 20_000_000_000 };
    const report = { about: 'task', key: 'cache', outcome: 'done', agent: 'b1', result } as const;
    expect(imagecache.on?.(state, report, known).effects[0]).toEqual({
      do: 'say',
      text: 'On b1: stages of images 762 MB of at most 20000 MB, package files 0 kB.\n',
    });
  });

  it('says what there was, and refuses names', () => {
    const { state } = step({ clear: [''] });
    const result = { layers: 762_000_000, packages: 145_000_000 };
    const report = { about: 'task', key: 'cache', outcome: 'done', agent: 'b1', result } as const;
    expect(imagecache.on?.(state, report, known).effects).toEqual([
      { do: 'say', text: 'Taken away from b1: stages of images 762 MB, package files 145 MB.\n' },
      { do: 'done', exit: 0 },
    ]);
    expect(step({}, ['x']).effects[0]).toMatchObject({ do: 'refuse' });
  });
});
