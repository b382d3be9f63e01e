import { describe, expect, it } from 'vitest';
import { packimage } from '../../../../manager/verbs/packimage.ts';
import type { Effect, Json } from '../../../../shared/verb/effect.ts';
import { withSecrets } from '../../../../shared/verb/secret.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const row = {
  'osimage.imagetype': 'linux',
  'osimage.osvers': 'debian12',
  'osimage.osarch': 'x86_64',
  'osimage.profile': 'compute',
  'osimage.provmethod': 'netboot',
  'linuximage.exlist': '/l/a.exlist',
  'linuximage.rootimgdir': '/r',
};

function view(
  agents: Record<string, { roles: string; store?: string; state?: string }> = {
    s1: { roles: 'boot,store', store: 'unix:/s,https://h:1' },
  },
): MemoryView {
  const known = new MemoryView({ osimage: { img: row, installed: { ...row, 'osimage.provmethod': 'install' } } });
  for (const [name, { roles, store, state }] of Object.entries(agents)) {
    known.observe('agent', name, {
      'agent.roles': roles,
      'agent.state': state ?? 'connected',
      'agent.store': store ?? null,
    });
  }
  return known;
}

const start = (known: MemoryView, operands: string[], options: Record<string, readonly string[]> = {}) =>
  packimage.start(asked('packimage', { operands, options, user: 'admin' }), known);
const error = (effects: readonly Effect[]): string => effects.map((e) => (e.do === 'refuse' ? e.message : '')).join('');
const said = (effects: readonly Effect[]): string => effects.map((e) => (e.do === 'say' ? e.text : '')).join('');
const task = (effects: readonly Effect[]) => effects.find((effect) => effect.do === 'run')?.task;

describe('packimage refuses', () => {
  it.each([
    ['no name', [], {}, "An image name is required, use 'packimage <osimage name>'."],
    [
      '-o',
      [],
      { o: ['debian12'] },
      "-o, -p and -a options are obsoleted, please use 'packimage <osimage name>' instead.",
    ],
    ['an unknown image', ['nosuch'], {}, "Cannot find image 'nosuch' from the osimage table."],
    ['an unknown method', ['img'], { m: ['nfs'] }, "Invalid archive method 'nfs' requested"],
    [
      'a method named like an inherited property',
      ['img'],
      { m: ['toString'] },
      "Invalid archive method 'toString' requested",
    ],
    ['an unknown compression', ['img'], { c: ['bzip2'] }, "Invalid compress method 'bzip2' requested"],
    [
      'an image that is installed',
      ['installed'],
      {},
      "'installed' cannot be used to build diskless image. Make sure osimage.provmethod is 'netboot'.",
    ],
  ])('%s', (_, operands, options, message) => {
    expect(error(start(view(), operands, options).effects)).toBe(`Error: [xcatmn]: ${message}`);
  });

  it.each([
    ['there is none', {}],
    ['it is away', { s1: { roles: 'store', store: 'unix:/s', state: 'away' } }],
    ['it cannot be reached', { s1: { roles: 'store' } }],
  ])('without a store: %s', (_, agents) => {
    expect(error(start(view(agents), ['img']).effects)).toContain("No connected agent has the role 'store'");
  });
});

describe('packimage', () => {
  it('asks one packing, where the tree is', () => {
    const known = view();
    known.observe('osimage', 'img', { 'hostler.builtby': 'b1' });
    const { effects } = start(known, ['img']);
    expect(said(effects)).toBe('Packing contents of /r/rootimg\narchive method:squashfs\n');
    expect(task(effects)).toMatchObject({
      kind: 'image-pack',
      on: { role: 'build', agent: 'b1' },
      spec: {
        image: 'img',
        rootimgdir: '/r',
        method: 'squashfs',
        compress: 'zstd',
        exlist: ['/l/a.exlist'],
        store: { agent: 's1', endpoints: ['unix:/s', 'https://h:1'] },
      },
    });
  });

  it('looks for a tree that no agent built on the management node, and where --on says', () => {
    const s1 = { roles: 'store', store: 'unix:/s' };
    const on = (known: MemoryView, options = {}): unknown => task(start(known, ['img'], options).effects)?.on;
    expect(on(view({ s1 }))).toEqual({ role: 'build', arch: 'x86_64', cross: true });
    expect(on(view({ s1, xcatmn: { roles: 'store' } }))).toEqual({ role: 'build', arch: 'x86_64', cross: true });
    const known = view({ s1, xcatmn: { roles: 'build,store' } });
    expect(on(known)).toEqual({ role: 'build', agent: 'xcatmn' });
    expect(on(known, { on: ['b2'] })).toEqual({ role: 'build', agent: 'b2' });
    known.observe('osimage', 'img', { 'hostler.builtby': 'b1' });
    expect(on(known)).toEqual({ role: 'build', agent: 'b1' });
    expect(on(known, { on: ['b2'] })).toEqual({ role: 'build', agent: 'b2' });
  });

  it('names the password of root, and says it to nobody but the agent', () => {
    const known = view();
    const spec = () => task(start(known, ['img']).effects)?.spec as { rootPassword: unknown };
    expect(spec().rootPassword).toBe('');
    known.commit([{ type: 'passwd', name: 'system,root', values: { 'passwd.password': 'cluster' } }]);
    expect(JSON.stringify(start(known, ['img']))).not.toContain('cluster');
    expect(withSecrets(spec().rootPassword as Json, known)).toBe('cluster');
    known.commit([{ type: 'site', name: 'clustersite', values: { 'site.secureroot': '1' } }]);
    expect(spec().rootPassword).toBe('');
  });

  it('says which time zone the site has', () => {
    const known = view();
    expect(task(start(known, ['img']).effects)?.spec).toMatchObject({ timezone: '' });
    known.commit([{ type: 'site', name: 'clustersite', values: { 'site.timezone': 'Europe/Berlin' } }]);
    expect(task(start(known, ['img']).effects)?.spec).toMatchObject({ timezone: 'Europe/Berlin' });
  });

  it('keeps the image with the builder where that is a store too', () => {
    const known = view({ b1: { roles: 'build,store' }, a0: { roles: 'store', store: 'unix:/s' } });
    expect(task(start(known, ['img']).effects)?.spec).toMatchObject({ store: { agent: 'a0' } });
    known.observe('osimage', 'img', { 'hostler.builtby': 'b1' });
    expect(task(start(known, ['img']).effects)?.spec).toMatchObject({ store: { agent: 'b1', endpoints: [] } });
  });

  it.each(
    ['squashfs', 'cpio', 'tar'].flatMap((method) =>
      ['zstd', 'gzip', 'pigz', 'xz', 'lz4'].map((compress) => [method, compress] as const),
    ),
  )('asks for %s with %s', (method, compress) => {
    const { effects } = start(view(), ['img'], { m: [method], c: [compress] });
    expect(task(effects)?.spec).toMatchObject({ method, compress });
  });

  it('says the compression of an archive', () => {
    const { effects } = start(view(), ['img'], { m: ['cpio'] });
    expect(said(effects)).toBe('Packing contents of /r/rootimg\narchive method:cpio\ncompress method:zstd\n');
  });

  it('commits the version and makes it the current one, then is done', () => {
    const known = view();
    const { state } = start(known, ['img']);
    const blob = (letter: string) => ({ digest: letter.repeat(64), bytes: 5 });
    const result = {
      root: blob('a'),
      kernel: blob('b'),
      initrd: blob('c'),
      manifest: blob('d'),
      bom: blob('e'),
      files: null,
      kernelver: '6.1.0-1',
      arch: 'x86_64',
      method: 'squashfs',
      compress: 'zstd',
      checked: true,
    };
    const step = packimage.on?.(state, { about: 'task', key: 'pack', outcome: 'done', agent: 'b1', result }, known);
    const commit = step?.effects.find((effect) => effect.do === 'commit');
    expect(commit?.changes[0]?.sign).toEqual({
      'image.signature': `hostler image 1\nmanifest ${'d'.repeat(64)}\nroot ${'a'.repeat(64)}\n`,
    });
    known.apply(step?.effects ?? []);
    expect(known.row('image', 'img@dddddddddddd')).toEqual({
      'image.osimage': 'img',
      'image.digest': 'd'.repeat(64),
      'image.root': 'a'.repeat(64),
      'image.rootbytes': '5',
      'image.kernel': 'b'.repeat(64),
      'image.kernelbytes': '5',
      'image.initrd': 'c'.repeat(64),
      'image.initrdbytes': '5',
      'image.manifest': 'd'.repeat(64),
      'image.manifestbytes': '5',
      'image.bom': 'e'.repeat(64),
      'image.bombytes': '5',
      'image.checked': 'yes',
      'image.builtby': 'b1',
      'image.kernelver': '6.1.0-1',
      'image.arch': 'x86_64',
      'image.method': 'squashfs',
      'image.compress': 'zstd',
      'image.store': 's1',
      'image.packedat': '2026-01-01T00:00:00.000Z',
      'image.packedby': 'admin',
      'image.generation': '1',
    });
    expect(known.row('osimage', 'img')).toMatchObject({
      'hostler.current': 'a'.repeat(64),
      'hostler.version': 'img@dddddddddddd',
    });
    const last = packimage.on?.(
      step?.state ?? null,
      { about: 'commit', key: 'version', outcome: 'done', revision: 9 },
      known,
    );
    expect(last?.effects).toEqual([
      { do: 'say', text: 'The image is img@dddddddddddd; nodeset gives it to nodes.\n' },
      { do: 'done', exit: 0 },
    ]);
  });

  it('does not bring an osimage back that was removed meanwhile', () => {
    const known = view();
    const { state } = start(known, ['img']);
    known.commit([{ type: 'osimage', name: 'img', remove: true }]);
    const blob = { digest: 'a'.repeat(64), bytes: 5 };
    const result = {
      root: blob,
      kernel: blob,
      initrd: blob,
      manifest: blob,
      kernelver: '6',
      arch: 'x86_64',
      method: 'squashfs',
    };
    const effects =
      packimage.on?.(state, { about: 'task', key: 'pack', outcome: 'done', agent: 'b1', result }, known).effects ?? [];
    expect(error(effects)).toContain('was removed while it was packed');
    expect(effects.some((effect) => effect.do === 'commit')).toBe(false);
  });
});
