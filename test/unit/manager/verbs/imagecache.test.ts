import { describe, expect, it } from 'vitest';
import { imagecache } from '../../../../manager/verbs/imagecache.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const known = new MemoryView({});
const step = (options: Record<string, readonly string[]>, operands: string[] = []) =>
  imagecache.start(asked('imagecache', { operands, options, user: 'admin' }), known);

describe('imagecache', () => {
  it.each([
    [{}, { on: { role: 'build' }, spec: { clear: false } }],
    [
      { clear: [''], on: ['b1'] },
      { on: { agent: 'b1' }, spec: { clear: true } },
    ],
  ])('%j asks one build host', (options, task) => {
    expect(step(options).effects).toEqual([
      { do: 'run', task: expect.objectContaining({ kind: 'image-cache', ...task }) as unknown },
    ]);
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
