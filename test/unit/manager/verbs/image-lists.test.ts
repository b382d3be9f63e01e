import { describe, expect, it } from 'vitest';
import { findCommand } from '../../../../cli/commands/index.ts';
import { parseCommandLine } from '../../../../cli/parse/getopt.ts';
import { chdef } from '../../../../manager/verbs/chdef.ts';
import { lsdef } from '../../../../manager/verbs/lsdef.ts';
import { mkdef } from '../../../../manager/verbs/mkdef.ts';
import type { ImageListsSpec, ListSearch } from '../../../../shared/task/image-lists.ts';
import type { Asked } from '../../../../shared/verb/asked.ts';
import type { Effect, Json, Report } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const verbs = { mkdef, chdef, lsdef };
const files: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  netboot: { pkglist: '/s/compute.pkglist', exlist: '/s/compute.exlist', postinstall: '/s/compute.postinstall' },
  install: { template: '/c/compute.tmpl' },
};
const one = '1 object definitions have been created or modified.\n';
const netboot = 'mkdef -t osimage img -u profile=compute provmethod=netboot osvers=debian12 osarch=x86_64';
const notLooked = 'Warning: [xcatmn]: Package lists and templates were not looked for.';

/** A registry, and an agent that knows the lists above; `answer` in its place. */
class Site {
  readonly view = new MemoryView();
  searches: readonly ListSearch[] = [];
  answer: (searches: readonly ListSearch[]) => Partial<Report> = (searches) => ({
    outcome: 'done',
    result: {
      found: searches.map(({ mode, profile }) => ({ profile, ...(profile === 'compute' && files[mode]) })),
    } as Json,
  });

  constructor(roles = 'build,store', state = 'connected') {
    this.view.observe('agent', 'xcatmn', { 'agent.roles': roles, 'agent.state': state });
  }

  run(line: string, more: Partial<Asked> = {}) {
    const [name = '', ...argv] = line.split(' ');
    const definition = findCommand(name);
    if (definition === undefined) throw new Error(`No command ${name}`);
    const verb = verbs[name as keyof typeof verbs];
    const parts = { ...parseCommandLine(definition, argv), ...more };
    let step = verb.start(asked(name, parts), this.view);
    const effects: Effect[] = [...step.effects];
    const task = effects.flatMap((effect) => (effect.do === 'run' ? [effect.task] : []))[0];
    this.searches = (task?.spec as unknown as ImageListsSpec | undefined)?.searches ?? [];
    if (task !== undefined && more.plan !== true) {
      const report = { about: 'task', key: task.key, agent: 'xcatmn', ...this.answer(this.searches) } as Report;
      // What is stored with a job is JSON.
      const state = JSON.parse(JSON.stringify(step.state)) as typeof step.state;
      const next = verb.on?.(state, report, this.view);
      if (next === undefined) throw new Error(`${name} hears no reports`);
      step = next;
      effects.push(...step.effects);
    }
    if (more.plan !== true) this.view.apply(effects);
    const said = (error: boolean): string =>
      effects.map((effect) => (effect.do === 'say' && (effect.error === true) === error ? effect.text : '')).join('');
    const exit = effects.flatMap((effect) => (effect.do === 'done' || effect.do === 'refuse' ? [effect] : [])).at(-1);
    return { out: said(false), err: said(true), end: exit, task, effects };
  }

  image(): Record<string, string> {
    return Object.fromEntries(Object.entries(this.view.row('osimage', 'img') ?? {}));
  }
}

describe('-u', () => {
  it('fills in what an agent found; what is given stays', () => {
    const site = new Site();
    const { out, err, task } = site.run(`${netboot} imagetype=linux exlist=/mine`);
    expect([out, err]).toEqual([one, '']);
    expect(task?.on).toEqual({ role: 'build', agent: 'xcatmn' });
    expect(site.searches).toEqual([{ mode: 'netboot', profile: 'compute', osvers: 'debian12', osarch: 'x86_64' }]);
    expect(site.image()).toMatchObject({
      'linuximage.pkglist': '/s/compute.pkglist',
      'linuximage.exlist': '/mine',
      'linuximage.postinstall': '/s/compute.postinstall',
      'linuximage.rootimgdir': '/install/netboot/debian12/x86_64/compute',
    });
  });

  it('to install: a template, and nothing that only diskless images have', () => {
    const site = new Site();
    site.run(netboot);
    expect(site.run('chdef -t osimage img -u provmethod=install').out).toBe(one);
    expect(site.searches.map(({ mode }) => mode)).toEqual(['netboot', 'install']);
    expect(site.image()).toMatchObject({
      'linuximage.template': '/c/compute.tmpl',
      'linuximage.exlist': '',
      'linuximage.postinstall': '',
    });
  });

  it.each([
    ['no agent with a fitting role', new Site('boot'), false, 'No connected agent has the role build or store.'],
    ['an agent that is away', new Site('build', 'away'), false, 'No connected agent has the role build or store.'],
    ['an agent that fails', new Site(), true, 'It is full.'],
  ])('%s: the rest is filled in, with a warning', (_, site, fails, why) => {
    if (fails) site.answer = () => ({ outcome: 'failed', code: 'unavailable', message: 'It is full.' });
    const { out, err, end } = site.run(netboot);
    expect([out, err, end]).toEqual([one, `${notLooked} ${why}\n`, { do: 'done', exit: 0 }]);
    expect(site.image()).toMatchObject({ 'linuximage.pkgdir': '/install/debian12/x86_64' });
    expect(Object.keys(site.image())).not.toContain('linuximage.pkglist');
  });

  it('cancelled: nothing is changed', () => {
    const site = new Site();
    site.answer = () => ({ outcome: 'cancelled', code: 'cancelled', message: 'Enough.' });
    expect(site.run(netboot).end).toMatchObject({ do: 'refuse', code: 'cancelled' });
    expect(site.view.has('osimage', 'img')).toBe(false);
  });

  it('--plan shows the search and what would change without it', () => {
    const { effects } = new Site().run(netboot, { plan: true });
    expect(effects.map((effect) => effect.do)).toEqual(['run', 'commit', 'say', 'done']);
  });

  it('what cannot stand in a file name is not looked for; standard input is not kept', () => {
    const site = new Site();
    expect(site.run(netboot.replace('profile=compute', 'profile=../x')).task).toBeUndefined();
    const stanza =
      'other:\n objtype=osimage\n profile=compute\n provmethod=netboot\n osvers=debian12\n osarch=x86_64\n';
    const { err, task } = site.run('mkdef -z -u', { input: stanza });
    expect([err.startsWith(notLooked), task]).toEqual([true, undefined]);
    expect(site.view.has('osimage', 'other')).toBe(true);
  });
});

describe('lsdef --osimage', () => {
  it('of a node with an old-style provmethod shows the lists, once looked for', () => {
    const site = new Site();
    for (const node of ['n1', 'n2'])
      site.run(`mkdef ${node} groups=all os=rhels8.6.0 arch=x86_64 profile=compute provmethod=netboot`);
    const { out, err } = site.run('lsdef n1-n2 --osimage');
    expect(site.searches).toHaveLength(1);
    expect(err).toBe('');
    expect(out.split('    exlist=/s/compute.exlist\n    imagetype=linux\n')).toHaveLength(3);
    expect(out).toContain('    pkgdir=/install/rhels8.6.0/x86_64\n    pkglist=/s/compute.pkglist\n');
  });

  it('as data', () => {
    const site = new Site();
    site.run('mkdef n1 groups=all os=debian12 arch=x86_64 profile=compute provmethod=netboot');
    const data = site
      .run('lsdef n1 --osimage', { json: true })
      .effects.flatMap((effect) => (effect.do === 'data' ? [effect.value] : []));
    expect(data).toMatchObject([{ type: 'node', name: 'n1', osimage: { pkglist: '/s/compute.pkglist' } }]);
  });

  it('of a node whose provmethod is an osimage asks nobody', () => {
    const site = new Site();
    site.run('mkdef n1 groups=all provmethod=img');
    site.run('mkdef -t osimage img imagetype=linux');
    expect(site.run('lsdef n1 --osimage').task).toBeUndefined();
  });
});
