import { describe, expect, it } from 'vitest';
import { imgimport } from '../../../../manager/verbs/imgimport.ts';
import type { ImageImportResult } from '../../../../shared/task/image-export.ts';
import type { Effect, Json, Report } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';
import { digest } from './boot-cluster.ts';

const version = `img@${digest('1').slice(0, 12)}`;

function view(roles = 'build,store', state = 'connected'): MemoryView {
  const known = new MemoryView({
    node: { n1: { 'nodelist.groups': 'all' }, n2: { 'nodelist.groups': 'all' }, n3: { 'nodelist.groups': 'all' } },
  });
  known.observe('agent', 'z1', { 'agent.roles': roles, 'agent.state': state });
  known.observe('agent', 'a1', { 'agent.roles': 'build', 'agent.state': 'connected' });
  known.observe('manager', 'self', { 'manager.imagekey': 'the key' });
  return known;
}

const start = (known: MemoryView, operands: string[], options: Record<string, readonly string[]> = {}) =>
  imgimport.start(asked('imgimport', { operands, options, user: 'admin' }), known);
const refusal = (effects: readonly Effect[] | undefined): string =>
  (effects ?? []).map((effect) => (effect.do === 'refuse' ? effect.message : '')).join('');
const said = (effects: readonly Effect[] | undefined): string =>
  (effects ?? []).map((effect) => (effect.do === 'say' ? effect.text : '')).join('');
const task = (effects: readonly Effect[]) => effects.find((effect) => effect.do === 'run')?.task;
const changesOf = (effects: readonly Effect[] | undefined) =>
  effects?.find((effect) => effect.do === 'commit')?.changes ?? [];

const result: ImageImportResult = {
  image: 'img',
  row: { 'osimage.osvers': 'debian12', 'linuximage.pkglist': '/install/custom/l', 'osimage.postscripts': '' },
  scripts: { postscripts: 'mine', postbootscripts: 'after' },
  files: ['/install/custom/l'],
  version: {
    blobs: { root: { digest: digest('a'), bytes: 9 }, manifest: { digest: digest('1'), bytes: 5 } },
    ...{ kernelver: '6.1', arch: 'x86_64', method: 'tar', compress: 'lz4', checked: true },
  },
};
const reported = (of: ImageImportResult = result): Report => ({
  ...{ about: 'task', key: 'import', outcome: 'done', agent: 'z1', result: of as unknown as Json },
});

describe('imgimport refuses', () => {
  it.each([
    ['no bundle', view(), [], {}, 'Say which bundle'],
    ['two bundles', view(), ['/a.tgz', '/b.tgz'], {}, 'Say which bundle'],
    ['another machine', view(), ['/a.tgz'], { R: ['host'] }, '-R is not there'],
    [
      'without an agent that builds and keeps',
      view('store'),
      ['/a.tgz'],
      {},
      "No connected agent has the roles 'build' and 'store'",
    ],
    [
      'while that is away',
      view('build,store', 'away'),
      ['/a.tgz'],
      {},
      "No connected agent has the roles 'build' and 'store'",
    ],
  ])('%s', (_, known, operands, options, message) => {
    const { effects } = start(known, operands, options);
    expect(refusal(effects)).toContain(`Error: [xcatmn]: ${message}`);
    expect(task(effects)).toBeUndefined();
  });

  it('nodes that are not there', () => {
    const { effects } = start(view(), ['/a.tgz'], { postscripts: ['n1,nosuch'] });
    expect(JSON.stringify(effects)).toContain('nosuch');
    expect(task(effects)).toBeUndefined();
  });
});

describe('imgimport', () => {
  it('has one agent take the bundle in, and tells it this manager’s key', () => {
    const { effects } = start(view(), ['/b/a.tgz'], { profile: ['login'] });
    expect(task(effects)).toMatchObject({
      ...{ kind: 'image-import', on: { role: 'build', agent: 'z1' } },
      spec: { bundle: '/b/a.tgz', profile: 'login', key: 'the key' },
    });
    expect(said(effects)).toBe('Unbundling image...\n');
  });

  it('defines the image and its version, signed here, as the current one', () => {
    const known = view();
    const { state } = start(known, ['/a.tgz']);
    const { effects = [], state: next = null } = imgimport.on?.(state, reported(), known) ?? {};
    const [packed] = changesOf(effects);
    expect(packed?.sign).toEqual({
      'image.signature': `hostler image 1\nmanifest ${digest('1')}\nroot ${digest('a')}\n`,
    });
    // One that is being taken away meanwhile is not brought back half.
    expect(packed?.expected).toEqual({ 'image.state': null });
    known.apply(effects);
    expect(known.row('image', version)).toEqual({
      ...{ 'image.osimage': 'img', 'image.digest': digest('1'), 'image.generation': '1' },
      ...{
        'image.root': digest('a'),
        'image.rootbytes': '9',
        'image.manifest': digest('1'),
        'image.manifestbytes': '5',
      },
      ...{ 'image.kernelver': '6.1', 'image.arch': 'x86_64', 'image.method': 'tar', 'image.compress': 'lz4' },
      ...{ 'image.checked': 'yes', 'image.store': 'z1', 'image.builtby': 'imported' },
      ...{ 'image.packedat': '2026-01-01T00:00:00.000Z', 'image.packedby': 'admin' },
    });
    expect(known.row('osimage', 'img')).toEqual({
      ...{ 'osimage.osvers': 'debian12', 'linuximage.pkglist': '/install/custom/l' },
      ...{ 'hostler.current': digest('a'), 'hostler.version': version },
    });
    const ended = imgimport.on?.(next, { about: 'commit', key: 'import', outcome: 'done', revision: 2 }, known);
    expect(ended?.effects).toEqual([
      { do: 'say', text: 'Successfully imported the image img.\n' },
      { do: 'done', exit: 0 },
    ]);
  });

  it('gives the scripts of the bundle to the nodes that are named, and to no others', () => {
    const known = view();
    const { state } = start(known, ['/a.tgz'], { postscripts: ['n1,n2'] });
    known.apply(imgimport.on?.(state, reported(), known).effects ?? []);
    expect(known.row('node', 'n2')).toMatchObject({
      'postscripts.postscripts': 'mine',
      'postscripts.postbootscripts': 'after',
    });
    expect(known.row('node', 'n3')).toEqual({ 'nodelist.groups': 'all' });
  });

  it('takes nothing from a bundle that no osimage has', () => {
    const known = view();
    const { state } = start(known, ['/a.tgz']);
    const row = {
      ...result.row,
      'site.key': 'x',
      'hostler.current': 'x',
      'image.pinned': 'yes',
      'osimage.nosuch': 'x',
    };
    const changes = changesOf(imgimport.on?.(state, reported({ ...result, row, version: null }), known).effects);
    expect(changes).toEqual([
      {
        ...{ type: 'osimage', name: 'img' },
        values: { 'osimage.osvers': 'debian12', 'linuximage.pkglist': '/install/custom/l' },
      },
    ]);
  });

  it('says what is to be done where the bundle holds no version', () => {
    const known = view();
    const { state } = start(known, ['/a.tgz']);
    const step = imgimport.on?.(state, reported({ ...result, version: null }), known);
    expect(said(step?.effects)).toContain('genimage img, then packimage img');
    known.apply(step?.effects ?? []);
    // One that is defined and packed here already is not told to be built.
    expect(said(imgimport.on?.(state, reported({ ...result, version: null }), known).effects)).toBe('');
  });

  it('the same bundle twice is one version; what went wrong is told', () => {
    const known = view();
    const { state } = start(known, ['/a.tgz']);
    known.apply(imgimport.on?.(state, reported(), known).effects ?? []);
    known.apply(imgimport.on?.(state, reported(), known).effects ?? []);
    expect([...known.rows('image')]).toHaveLength(1);
    expect(known.row('image', version)?.['image.generation']).toBe('1');
    const failed: Report = {
      ...{ about: 'task', key: 'import', outcome: 'failed', agent: 'z1' },
      ...{ code: 'invalid_argument', message: 'The bundle holds an absolute path.' },
    };
    expect(refusal(imgimport.on?.(state, failed, known).effects)).toContain('holds an absolute path');
    const conflict: Report = { about: 'commit', key: 'import', outcome: 'conflict', message: 'It was changed.' };
    expect(refusal(imgimport.on?.(state, conflict, known).effects)).toContain('It was changed. Import it again.');
  });
});
