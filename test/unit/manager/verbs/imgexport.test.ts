import { describe, expect, it } from 'vitest';
import { imgexport } from '../../../../manager/verbs/imgexport.ts';
import type { ImageExportSpec } from '../../../../shared/task/image-export.ts';
import type { Effect, Json, Report } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';
import { digest } from './boot-cluster.ts';

const version = `img@${digest('1').slice(0, 12)}`;

function view(packed = true): MemoryView {
  const known = new MemoryView({
    osimage: {
      img: {
        ...{ 'osimage.imagetype': 'linux', 'osimage.osvers': 'debian12', 'osimage.osarch': 'x86_64' },
        ...{ 'osimage.profile': 'compute', 'osimage.provmethod': 'netboot', 'osimage.synclists': '/l/sync' },
        ...{ 'linuximage.pkglist': '/l/a, /l/b', 'linuximage.exlist': '/l/ex', 'linuximage.otherpkglist': '/l/a' },
        'linuximage.postinstall': '/s/one arg /l/file,/s/two',
        ...(packed && { 'hostler.current': digest('a'), 'hostler.version': version }),
      },
      bare: { 'osimage.imagetype': 'linux' },
    },
    image: packed
      ? {
          [version]: {
            ...{ 'image.osimage': 'img', 'image.digest': digest('1'), 'image.manifest': digest('1') },
            ...{ 'image.root': digest('a'), 'image.rootbytes': '9', 'image.kernel': digest('b') },
            ...{ 'image.method': 'cpio', 'image.compress': 'zstd', 'image.store': 's1' },
            'image.signature': 'signed',
          },
        }
      : {},
    node: {
      n1: { 'nodelist.groups': 'all', 'postscripts.postscripts': 'mine', 'postscripts.postbootscripts': 'after' },
    },
  });
  known.observe('agent', 's1', { 'agent.roles': 'build,store', 'agent.state': 'connected', 'agent.store': 'unix:/s' });
  known.observe('osimage', 'img', { 'hostler.builtby': 'b1' });
  return known;
}

const start = (known: MemoryView, operands: string[], options: Record<string, readonly string[]> = {}) =>
  imgexport.start(asked('imgexport', { operands, options }), known);
const refusal = (effects: readonly Effect[] | undefined): string =>
  (effects ?? []).map((effect) => (effect.do === 'refuse' ? effect.message : '')).join('');
const said = (effects: readonly Effect[] | undefined): string =>
  (effects ?? []).map((effect) => (effect.do === 'say' ? effect.text : '')).join('');
const task = (effects: readonly Effect[]) => effects.find((effect) => effect.do === 'run')?.task;
const spec = (effects: readonly Effect[]): ImageExportSpec => task(effects)?.spec as unknown as ImageExportSpec;

describe('imgexport refuses', () => {
  it.each([
    ['no name', [], {}, 'Say which image'],
    ['no destination', ['img'], {}, 'Say which image'],
    ['another machine', ['img', '/d'], { R: ['host'] }, '-R is not there'],
    ['an unknown image', ['nosuch', '/d'], {}, "Cannot find image 'nosuch' from the osimage table."],
    ['an image of no kind', ['bare', '/d'], {}, 'provmethod of bare is not set'],
    ['an unknown node', ['img', '/d'], { postscripts: ['nosuch'] }, 'There is no node nosuch.'],
  ])('%s', (_, operands, options, message) => {
    const { effects } = start(view(), operands, options);
    expect(refusal(effects)).toContain(`Error: [xcatmn]: ${message}`);
    expect(task(effects)).toBeUndefined();
  });
});

describe('imgexport', () => {
  it('asks the machine that has the tree for one bundle: definition, lists, version', () => {
    const { effects } = start(view(), ['img', '/d/']);
    expect(task(effects)).toMatchObject({ kind: 'image-export', on: { role: 'build', agent: 'b1' } });
    const asks = spec(effects);
    expect(asks.bundle).toBe('/d/img.tgz');
    // Each once, scripts without their arguments.
    expect([...asks.lists].sort()).toEqual(['/l/a', '/l/b', '/l/ex', '/l/sync', '/s/one', '/s/two']);
    expect(asks.version).toEqual({
      signature: 'signed',
      method: 'cpio',
      compress: 'zstd',
      from: { agent: 's1', endpoints: ['unix:/s'] },
      blobs: {
        root: { digest: digest('a'), bytes: 9 },
        kernel: { digest: digest('b'), bytes: 0 },
        manifest: { digest: digest('1'), bytes: 0 },
      },
    });
    expect(said(effects)).toBe('Exporting img to /d/img.tgz...\n');
  });

  it('takes no other cluster’s affairs along: which version is the current one', () => {
    const { row } = spec(start(view(), ['img', '/d']).effects);
    expect(Object.keys(row).filter((column) => !/^(?:osimage|linuximage)\./.test(column))).toEqual([]);
    expect(row).toMatchObject({ 'osimage.osvers': 'debian12', 'linuximage.pkglist': '/l/a, /l/b' });
  });

  it.each([
    ['/d/x.tgz', '/d/x.tgz'],
    ['/d/x.tar.gz', '/d/x.tar.gz'],
    ['/d', '/d/img.tgz'],
  ])('%s is %s', (dest, bundle) => {
    expect(spec(start(view(), ['img', dest]).effects).bundle).toBe(bundle);
  });

  it('takes further files and the scripts of a node', () => {
    const asks = spec(start(view(), ['img', '/d'], { extra: ['/x/f', '/x/g:/etc/g'], postscripts: ['n1'] }).effects);
    expect(asks.extra).toEqual([
      { file: '/x/f', folder: '/x' },
      { file: '/x/g', folder: '/etc/g' },
    ]);
    expect(asks.scripts).toEqual({ postscripts: 'mine', postbootscripts: 'after' });
  });

  it('of an image that was never packed has no version, and says so', () => {
    const { effects } = start(view(false), ['img', '/d']);
    expect(spec(effects).version).toBeNull();
    expect(said(effects)).toContain('Warning: img was never packed');
  });

  it('says where the bundle is, or what went wrong', () => {
    const known = view();
    const { state } = start(known, ['img', '/d']);
    const result: Json = { bundle: '/d/img.tgz', bytes: 3_000_000, files: [] };
    const done: Report = { about: 'task', key: 'export', outcome: 'done', agent: 'b1', result };
    expect(said(imgexport.on?.(state, done, known).effects)).toBe('Done! b1:/d/img.tgz (3 MB)\n');
    const failed: Report = {
      ...{ about: 'task', key: 'export', outcome: 'failed', agent: 'b1' },
      ...{ code: 'not_found', message: '/l/a cannot be read.' },
    };
    expect(refusal(imgexport.on?.(state, failed, known).effects)).toBe('Error: [xcatmn]: /l/a cannot be read.');
  });
});
