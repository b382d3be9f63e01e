import { describe, expect, it } from 'vitest';
import { imgcapture } from '../../../../manager/verbs/imgcapture.ts';
import type { Effect, Json, Report } from '../../../../shared/verb/effect.ts';
import { lvm } from '../../shared/layout/samples.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

function view(osimage: Record<string, Record<string, string>> = {}): MemoryView {
  const known = new MemoryView({
    node: { golden: { 'nodelist.groups': 'all' }, other: { 'nodelist.groups': 'all' } },
    osimage,
  });
  known.observe('agent', 'images', {
    'agent.roles': 'boot,store',
    'agent.state': 'connected',
    'agent.store': 'unix:/s,https://h:1',
  });
  return known;
}

const start = (known: MemoryView, operands: string[], options: Record<string, readonly string[]> = {}) =>
  imgcapture.start(asked('imgcapture', { operands, options, user: 'admin' }), known);
const refusal = (effects: readonly Effect[]): string =>
  effects.map((e) => (e.do === 'refuse' ? e.message : '')).join('');
const said = (effects: readonly Effect[]): string => effects.map((e) => (e.do === 'say' ? e.text : '')).join('');
const tasks = (effects: readonly Effect[]) => effects.flatMap((effect) => (effect.do === 'run' ? [effect.task] : []));

const done = (key: string, agent: string, result: Json): Report => ({
  about: 'task',
  key,
  outcome: 'done',
  agent,
  result,
});
const failed = (key: string, message: string): Report => ({
  about: 'task',
  key,
  outcome: 'failed',
  agent: 'a',
  code: 'unavailable',
  message,
});
const blob = (digit: string) => ({ digest: digit.repeat(64), bytes: 7 });
const packed = {
  root: blob('1'),
  kernel: blob('2'),
  initrd: blob('3'),
  manifest: blob('4'),
  bom: null,
  files: null,
  kernelver: '6.1',
  arch: 'x86_64',
  method: 'clone',
  checked: false,
};
const description = {
  layout: lvm as unknown as Json,
  mounts: [{ at: '/', from: '/' }],
  osvers: 'debian12',
  arch: 'x86_64',
};

/** To the point where both sides are at work. */
function running(known: MemoryView) {
  const first = start(known, ['golden'], { osimage: ['img'] });
  const second = imgcapture.on?.(first.state, done('describe', 'golden', description), known);
  if (second === undefined) throw new Error('imgcapture hears nothing');
  return { first, second };
}

describe('imgcapture refuses', () => {
  it.each([
    ['no osimage', ['golden'], {}, 'You must specify osimage name if you are using "sysclone".'],
    ['several nodes', ['golden,other'], { osimage: ['img'] }, 'One node can be captured at a time.'],
    [
      'an unknown type',
      ['golden'],
      { type: ['iso'], osimage: ['img'] },
      "The type 'iso' is neither sysclone nor diskless.",
    ],
    ['diskless without a builder', ['golden'], { type: ['diskless'] }, "has both roles 'store' and 'build'"],
    ['a profile that leads elsewhere', ['golden'], { type: ['diskless'], profile: ['../x'] }, 'may hold only letters'],
    ['a name that leads elsewhere', ['golden'], { osimage: ['../img'] }, 'may hold only letters'],
  ])('%s', (_, operands, options, message) => {
    const { effects } = start(view(), operands, options);
    expect(refusal(effects)).toContain(message);
    expect(tasks(effects)).toEqual([]);
  });

  it('is refused at once where the image could not be sent to', () => {
    const known = view();
    known.observe('agent', 'images', { 'agent.store': 'unix:/s' });
    const { effects } = start(known, ['golden'], { osimage: ['web1'] });
    expect(refusal(effects)).toMatch(/listens at no address to which golden could send\. Start it with --serve/);
  });

  it('an osimage of another kind', () => {
    const known = view({ img: { 'osimage.provmethod': 'netboot', 'osimage.imagetype': 'linux' } });
    expect(refusal(start(known, ['golden'], { osimage: ['img'] }).effects)).toContain("with the provmethod 'netboot'");
  });
});

describe('imgcapture', () => {
  it('looks first, then lets one side read and the other fetch, with a ticket that both have', () => {
    const { first, second } = running(view());
    expect(said(first.effects)).toBe('Preparing osimage img on golden.\n');
    expect(tasks(first.effects)).toMatchObject([{ kind: 'capture-describe', on: { agent: 'golden' } }]);
    expect(said(second.effects)).toMatch(/^Getting osimage "img" from golden to /);
    const [receive, send] = tasks(second.effects);
    expect(receive).toMatchObject({
      kind: 'capture-receive',
      on: { agent: 'images' },
      spec: { agent: 'golden', osvers: 'debian12', store: { endpoints: [] } },
    });
    expect(send).toMatchObject({
      kind: 'capture-send',
      on: { agent: 'golden' },
      spec: { store: { agent: 'images', endpoints: ['unix:/s', 'https://h:1'] } },
    });
    const ticket = (spec: Json | undefined): Json | undefined => (spec as { ticket: Json } | undefined)?.ticket;
    expect(ticket(receive?.spec)).toMatch(/^[0-9a-f]{32}$/);
    expect(ticket(send?.spec)).toBe(ticket(receive?.spec));
  });

  it('makes the osimage and its version in one commit, and nothing before', () => {
    const known = view();
    const { second } = running(known);
    const third = imgcapture.on?.(second.state, done('receive', 'images', packed), known);
    const commit = third?.effects.find((effect) => effect.do === 'commit');
    expect(commit?.changes.map(({ type, name }) => `${type}/${name}`)).toEqual([
      'osimage/img',
      'image/img@444444444444',
    ]);
    expect(commit?.changes[0]?.values).toMatchObject({
      'osimage.imagetype': 'linux',
      'osimage.osname': 'Linux',
      'osimage.osarch': 'x86_64',
      'osimage.osvers': 'debian12',
      'osimage.provmethod': 'sysclone',
      'osimage.postscripts': 'efibootloader,update_network',
      'linuximage.rootimgdir': '/install/sysclone/images/img',
      'hostler.version': 'img@444444444444',
    });
    for (const empty of [
      'osimage.osdistroname',
      'linuximage.pkgdir',
      'linuximage.pkglist',
      'osimage.profile',
      'linuximage.template',
    ])
      expect(commit?.changes[0]?.values?.[empty] ?? '').toBe('');
    const last = imgcapture.on?.(
      third?.state ?? null,
      { about: 'commit', key: 'created', outcome: 'done', revision: 2 },
      known,
    );
    expect(said(last?.effects ?? [])).toMatch(/^The osimage definition for img was created.\n/);
  });

  it('says what came, whether the machine was quiet, and where a tree with edits is kept', () => {
    const known = view();
    const { second } = running(known);
    const edited = { paths: ['srv/new', 'etc/motd'], folder: '/install/sysclone/images/.img.edited' };
    const capture = { files: 3, bytes: 2e6, whole: 9e8, passes: 4, quiet: false, edited };
    const third = imgcapture.on?.(second.state, done('receive', 'images', { ...packed, capture }), known);
    const commit = { about: 'commit', key: 'kept', outcome: 'done', revision: 2 } as const;
    const text = said(imgcapture.on?.(third?.state ?? null, commit, known).effects ?? []);
    expect(text).toContain('3 files (2 MB of 900 MB) came over the line in 4 passes. It was never quiet');
    expect(text).toContain(
      'edits that no version has (srv/new, etc/motd): it is kept as /install/sysclone/images/.img.edited',
    );
  });

  it('waits for the golden client to say how it was read, as long as that can speak', () => {
    const known = view();
    known.observe('agent', 'golden', { 'agent.state': 'connected' });
    const { second } = running(known);
    const third = imgcapture.on?.(second.state, done('receive', 'images', packed), known);
    const commit = { about: 'commit', key: 'created', outcome: 'done', revision: 2 } as const;
    const waiting = imgcapture.on?.(third?.state ?? null, commit, known);
    expect(waiting?.effects).toEqual([]);
    const views = { connections: 2, views: ['/ from a snapshot of LVM', '/boot in passes'] };
    const last = imgcapture.on?.(waiting?.state ?? null, done('send', 'golden', views), known);
    expect(said(last?.effects ?? [])).toContain('Read: / from a snapshot of LVM; /boot in passes.');
    const lost = imgcapture.on?.(waiting?.state ?? null, failed('send', 'it began a new life'), known);
    expect(said(lost?.effects ?? [])).toContain('The osimage definition for img was created.');
    known.observe('agent', 'golden', { 'agent.state': 'lost' });
    expect(said(imgcapture.on?.(third?.state ?? null, commit, known).effects ?? [])).toContain('was created');
  });

  it('puts trees, scripts and layout below the place that is given', () => {
    const known = view();
    const first = start(known, ['golden'], { osimage: ['img'], location: ['/srv/golden'] });
    const second = imgcapture.on?.(first.state, done('describe', 'golden', description), known);
    expect(tasks(second?.effects ?? [])[0]?.spec).toMatchObject({
      tree: '/srv/golden/images/img',
      layoutFile: '/srv/golden/scripts/img.layout.json',
    });
    const third = imgcapture.on?.(second?.state ?? null, done('receive', 'images', packed), known);
    const commit = third?.effects.find((effect) => effect.do === 'commit');
    expect(commit?.changes[0]?.values).toMatchObject({ 'linuximage.rootimgdir': '/srv/golden/images/img' });
  });

  it('leaves the definition of an osimage that is there as it is', () => {
    const known = view({
      img: { 'osimage.provmethod': 'sysclone', 'osimage.imagetype': 'linux', 'osimage.postscripts': 'mine' },
    });
    const { second } = running(known);
    const third = imgcapture.on?.(second.state, done('receive', 'images', packed), known);
    const commit = third?.effects.find((effect) => effect.do === 'commit');
    expect(Object.keys(commit?.changes.find(({ type }) => type === 'osimage')?.values ?? {})).toEqual([
      'hostler.current',
      'hostler.version',
    ]);
  });

  it('stops the other side when one fails, and tells why when both have ended', () => {
    const known = view();
    const { second } = running(known);
    const third = imgcapture.on?.(second.state, failed('send', 'the machine is gone'), known);
    expect(third?.effects).toMatchObject([{ do: 'stop', key: 'receive' }]);
    const last = imgcapture.on?.(third?.state ?? null, failed('receive', 'stopped'), known);
    expect(refusal(last?.effects ?? [])).toMatch(/Can not get image img from golden.\nthe machine is gone$/);
  });
});

describe('imgcapture -t diskless', () => {
  const able = (osimage: Record<string, Record<string, string>> = {}): MemoryView => {
    const known = view(osimage);
    known.observe('agent', 'images', {
      'agent.roles': 'boot,store,build',
      'agent.state': 'connected',
      'agent.store': 'https://h:1',
    });
    return known;
  };
  const seen = { ...description, layout: null };
  const hear = (known: MemoryView, options: Record<string, readonly string[]>) => {
    const first = start(known, ['golden'], { type: ['diskless'], ...options });
    return imgcapture.on?.(first.state, done('describe', 'golden', seen), known);
  };

  it('fetches the node into the place of xCAT, with what was asked for, and defines an image of packages without packages', () => {
    const known = able();
    const second = hear(known, { profile: ['login'], nodebootif: ['eth0'], netdrivers: ['e1000,tg3'] });
    expect(said(second?.effects ?? [])).toBe('Transfering the image captured on golden back...\n');
    const [fetch, send] = tasks(second?.effects ?? []);
    expect(fetch).toMatchObject({
      kind: 'capture-diskless',
      on: { agent: 'images' },
      lock: 'clone:debian12-x86_64-netboot-login',
      spec: {
        build: {
          rootimgdir: '/install/netboot/debian12/x86_64/login',
          interfaces: ['eth0'],
          netdrivers: ['e1000', 'tg3'],
        },
        lists: ['/install/custom/netboot/debian', '/install/custom/netboot'],
      },
    });
    expect(send).toMatchObject({ kind: 'capture-send', on: { agent: 'golden' } });
    const result = { kernelver: '6.1', packages: 3, bytes: 5e6, received: 1e6, exlist: '' };
    const views = { connections: 2, views: ['/ from a snapshot of LVM', '/boot in passes'] };
    const read = imgcapture.on?.(second?.state ?? null, done('send', 'golden', views), known);
    const third = imgcapture.on?.(read?.state ?? null, done('fetch', 'images', result), known);
    expect(third?.effects.find((effect) => effect.do === 'commit')?.changes[0]?.values).toMatchObject({
      'osimage.provmethod': 'netboot',
      'osimage.profile': 'login',
      'linuximage.rootimgdir': '/install/netboot/debian12/x86_64/login',
      'linuximage.netdrivers': 'e1000,tg3',
    });
    const last = imgcapture.on?.(
      third?.state ?? null,
      { about: 'commit', key: 'defined', outcome: 'done', revision: 3 },
      known,
    );
    expect(said(last?.effects ?? [])).toMatch(/^Done\.\nRead: \/ from a snapshot of LVM; \/boot in passes\.\n/);
  });

  it('refuses an osimage of another release, before anything is fetched', () => {
    const known = able({
      ram: { 'osimage.provmethod': 'netboot', 'osimage.imagetype': 'linux', 'osimage.osvers': 'rocky9' },
    });
    const second = hear(known, { osimage: ['ram'] });
    expect(refusal(second?.effects ?? [])).toContain('is of osvers rocky9, and golden of debian12');
    expect(tasks(second?.effects ?? [])).toEqual([]);
  });
});
