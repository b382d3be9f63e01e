import { describe, expect, it } from 'vitest';
import { genimage } from '../../../../manager/verbs/genimage.ts';
import { packimage } from '../../../../manager/verbs/packimage.ts';
import type { Effect, Report } from '../../../../shared/verb/effect.ts';
import type { Verb } from '../../../../shared/verb/verb.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const image = {
  ...{ 'osimage.imagetype': 'linux', 'osimage.osvers': 'debian12', 'osimage.osarch': 'aarch64' },
  ...{ 'osimage.profile': 'compute', 'osimage.provmethod': 'netboot', 'osimage.environvar': 'A=1' },
  ...{ 'linuximage.pkglist': '/l/a', 'linuximage.postinstall': '/s/one x', 'linuximage.exlist': '/l/ex' },
};

function view(roles = 'build,store', state = 'connected'): MemoryView {
  const known = new MemoryView({ osimage: { img: image } });
  known.observe('agent', 'xcatmn', {
    'agent.roles': roles,
    'agent.state': state,
    'agent.store': 'unix:/s,https://mn:1',
  });
  known.observe('agent', 'store1', { 'agent.roles': 'store', 'agent.state': 'connected', 'agent.store': 'unix:/t' });
  return known;
}

const failed = (key: string, message: string, agent = 'arm01'): Report => ({
  ...{ about: 'task', key, outcome: 'failed', agent, code: 'not_found', message },
});
const brought: Report = {
  ...{ about: 'task', key: 'lists', outcome: 'done', agent: 'xcatmn', result: { blob: { digest: 'd', bytes: 7 } } },
};
const taskIn = (effects: readonly Effect[] | undefined) => effects?.find((effect) => effect.do === 'run')?.task;
const refusal = (effects: readonly Effect[] | undefined): string =>
  (effects ?? []).map((effect) => (effect.do === 'refuse' ? effect.message : '')).join('');

const verbs: readonly (readonly [string, Verb, string, string])[] = [
  ['genimage', genimage, 'build', "The pkglist specified '/l/a' does not exist!"],
  ['genimage', genimage, 'build', "The postinstall_filename specified '/s/one' does not exist!"],
  ['genimage', genimage, 'build', 'Unable to open the following pkglist files:\n/l/b'],
  ['packimage', packimage, 'pack', 'The exlist file /l/ex cannot be read.'],
  ['packimage', packimage, 'pack', 'The synclist /l/sync cannot be read.'],
  ['packimage', packimage, 'pack', '/l/file, which a synclist names, is not there.'],
];

describe.each(verbs)('%s on a machine that has not the lists', (name, verb, key, message) => {
  const started = (known: MemoryView) => verb.start(asked(name, { operands: ['img'], options: {} }), known);

  it('has the management node bring them, and asks again', () => {
    const known = view();
    const first = started(known);
    const asks = verb.on?.(first.state, failed(key, message), known);
    expect(taskIn(asks?.effects)).toMatchObject({
      ...{ key: 'lists', kind: 'build-lists', on: { role: 'store', agent: 'xcatmn' } },
      spec:
        key === 'build'
          ? { pkglist: ['/l/a'], postinstall: ['/s/one x'], environment: { A: '1' } }
          : { exlist: ['/l/ex'] },
    });
    const again = verb.on?.(asks?.state ?? null, brought, known);
    expect(taskIn(again?.effects)).toEqual({
      ...taskIn(first.effects),
      key: `${key}-again`,
      on: { role: 'build', agent: 'arm01' },
      spec: {
        ...(taskIn(first.effects)?.spec as object),
        lists: { blob: { digest: 'd', bytes: 7 }, from: { agent: 'xcatmn', endpoints: ['unix:/s', 'https://mn:1'] } },
      },
    });
    // Not for ever.
    expect(refusal(verb.on?.(again?.state ?? null, failed(`${key}-again`, message), known).effects)).toContain(message);
  });

  it('says both when the management node has them not either', () => {
    const known = view();
    const asks = verb.on?.(started(known).state, failed(key, message), known);
    const ends = verb.on?.(asks?.state ?? null, failed('lists', '/l/a cannot be read.', 'xcatmn'), known);
    expect(refusal(ends?.effects)).toContain(`${message} (on arm01; /l/a cannot be read.)`);
  });

  it.each([
    ['without a store there', view('build')],
    ['while it is away', view('build,store', 'away')],
  ])('says where they are missing, %s', (_, known) => {
    const ends = verb.on?.(started(known).state, failed(key, message), known);
    expect(refusal(ends?.effects)).toContain(`${message} It is looked for on arm01, and no agent with the role store`);
  });

  it('fails on the management node itself, and for other reasons, as ever', () => {
    const known = view();
    const own = verb.on?.(started(known).state, failed(key, message, 'xcatmn'), known);
    expect(refusal(own?.effects)).toMatch(new RegExp(`^Error: \\[xcatmn\\]: ${message.slice(0, 12)}`));
    const other = verb.on?.(started(known).state, failed(key, 'The package x does not exist.'), known);
    expect(refusal(other?.effects)).toContain('The package x does not exist.');
  });
});

describe('packimage with synclists, elsewhere', () => {
  const synced = (roles?: string, state?: string): MemoryView => {
    const known = view(roles, state);
    known.commit([{ type: 'osimage', name: 'img', values: { 'osimage.synclists': '/l/sync' } }]);
    known.observe('agent', 'arm01', { 'agent.roles': 'build', 'agent.state': 'connected' });
    known.observe('osimage', 'img', { 'hostler.builtby': 'arm01' });
    return known;
  };
  const started = (known: MemoryView, options = {}) =>
    packimage.start(asked('packimage', { operands: ['img'], options }), known);

  it('takes the files that they name from the management node, before anything else', () => {
    const known = synced();
    const first = started(known);
    expect(taskIn(first.effects)).toMatchObject({
      ...{ key: 'lists', on: { role: 'store', agent: 'xcatmn' } },
      spec: { synclists: ['/l/sync'], exlist: ['/l/ex'] },
    });
    const packs = taskIn(packimage.on?.(first.state, brought, known).effects);
    expect(packs).toMatchObject({ key: 'pack-again', kind: 'image-pack', on: { role: 'build', agent: 'arm01' } });
    expect(packs?.spec).toMatchObject({ synclists: ['/l/sync'], lists: { blob: { digest: 'd' } } });
  });

  it('looks for them where it packs when the management node has them not; any other error is told', () => {
    const known = synced();
    const first = started(known);
    const absent = failed('lists', '/l/sync cannot be read on the management node either.', 'xcatmn');
    const packs = packimage.on?.(first.state, absent, known);
    expect(taskIn(packs?.effects)).toMatchObject({ key: 'pack', on: { role: 'build', agent: 'arm01' } });
    // Where they are not there either, that is the end of it.
    const message = 'The synclist /l/sync cannot be read.';
    const asks = packimage.on?.(packs?.state ?? null, failed('pack', message), known);
    const ends = packimage.on?.(asks?.state ?? null, absent, known);
    expect(refusal(ends?.effects)).toContain(`${message} (on arm01; /l/sync cannot be read`);
    const broken = { ...absent, code: 'invalid_argument', message: '/l/sync, line 1: no synclist.' } as Report;
    expect(refusal(packimage.on?.(first.state, broken, known).effects)).toContain('/l/sync, line 1: no synclist.');
  });

  it.each([
    ['--nosyncfiles', synced(), { nosyncfiles: [''] }],
    ['on the management node', synced(), { on: ['xcatmn'] }],
    ['without a store there', synced('build'), {}],
    ['while that is away', synced('build,store', 'away'), {}],
  ])('brings nothing: %s', (_, known, options) => {
    expect(taskIn(started(known, options).effects)).toMatchObject({ key: 'pack' });
  });
});

describe('genimage -o -a -p on a machine that has not the lists of the profile', () => {
  it('takes what the management node finds, and defines the osimages with it', () => {
    const known = view();
    const options = { o: ['rocky9.4'], a: ['aarch64'], p: ['login'] };
    const first = genimage.start(asked('genimage', { operands: [], options }), known);
    const message = 'There is no package list of the profile login for rocky9.4: no login.pkglist in /install.';
    const asks = genimage.on?.(first.state, failed('build', message), known);
    expect(taskIn(asks?.effects)).toMatchObject({
      ...{ key: 'lists', on: { agent: 'xcatmn' } },
      spec: { search: { osvers: 'rocky9.4', arch: 'aarch64', profile: 'login' }, pkglist: [] },
    });
    const found = { pkglist: '/share/login.pkglist', exlist: '/share/login.exlist' };
    const lists = { ...brought, result: { blob: { digest: 'd', bytes: 7 }, found } } as Report;
    const again = genimage.on?.(asks?.state ?? null, lists, known);
    expect(taskIn(again?.effects)).toMatchObject({ key: 'build-again', on: { agent: 'arm01' } });
    const result = { kernelver: '5.14', packages: 90, bytes: 5e8, stages: [] };
    const report: Report = { about: 'task', key: 'build-again', outcome: 'done', agent: 'arm01', result };
    const ended = genimage.on?.(again?.state ?? null, report, known);
    const commit = ended?.effects.find((effect) => effect.do === 'commit');
    expect(commit?.changes[0]).toMatchObject({
      name: 'rocky9.4-aarch64-netboot-login',
      values: { 'linuximage.pkglist': '/share/login.pkglist', 'linuximage.exlist': '/share/login.exlist' },
    });
  });
});
