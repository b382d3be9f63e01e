import { describe, expect, it } from 'vitest';
import { copycds } from '../../../../manager/verbs/copycds.ts';
import type { MediaCopied, MediaFound, MediaLooked } from '../../../../shared/task/media.ts';
import type { Effect, Json, Report } from '../../../../shared/verb/effect.ts';
import type { Step } from '../../../../shared/verb/verb.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const found: MediaFound = {
  ...{ osvers: 'rocky9.4', arch: 'x86_64', shownArch: 'x86_64', disc: '' },
  ...{ path: '/install/rocky9.4/x86_64', target: '/install/rocky9.4/x86_64', pkgdir: '/install/rocky9.4/x86_64' },
};
const whole: MediaCopied = {
  ...{
    outcome: 'copied',
    files: 4,
    bytes: 2.5e9,
    kept: 1,
    verified: 3,
    seconds: 20,
    warnings: ['A link was left out.'],
  },
  install: [{ profile: 'compute', template: '/s/compute.tmpl', pkglist: '/s/install.pkglist' }],
  netboot: [
    { profile: 'compute', pkglist: '/s/compute.pkglist', exlist: '/s/compute.exlist' },
    { profile: 'service', pkglist: '/s/service.pkglist', postinstall: '/s/service.postinstall' },
  ],
};

type State = Parameters<NonNullable<typeof copycds.on>>[0];

class Story {
  readonly known: MemoryView;
  step: Step<State>;

  constructor(options: Record<string, readonly string[]>, operands = ['/iso/a.iso'], known = new MemoryView()) {
    this.known = known;
    this.step = copycds.start(asked('copycds', { options, operands }), known);
  }

  report(report: Report): this {
    const step = copycds.on?.(this.step.state, report, this.known);
    if (step === undefined) throw new Error('it hears no reports');
    this.step = step;
    return this;
  }

  task(key: string, result: unknown): this {
    return this.report({ about: 'task', key, outcome: 'done', agent: 'a', result: result as Json });
  }

  looked(...media: Partial<MediaLooked>[]): this {
    return this.task('look', { looked: media.map((medium) => ({ found: null, problem: '', ...medium })) });
  }

  get tasks() {
    return this.step.effects.flatMap((effect) => (effect.do === 'run' ? [effect.task] : []));
  }

  get changes() {
    return this.step.effects.flatMap((effect) => (effect.do === 'commit' ? effect.changes : []));
  }

  get said(): string {
    return this.step.effects.map((effect) => (effect.do === 'say' ? effect.text : '')).join('');
  }

  get last(): Effect | undefined {
    return this.step.effects.at(-1);
  }
}

describe('copycds', () => {
  it.each([
    ['the one of the manager', { xcatmn: 'boot,build,store', other: 'build' }, { role: 'build', agent: 'xcatmn' }],
    ['one that keeps files there', { xcatmn: 'boot,store', other: 'build' }, { role: 'store', agent: 'xcatmn' }],
    ['any that builds', { xcatmn: 'boot', other: 'build' }, { role: 'build' }],
    ['any that builds, when nobody is there', {}, { role: 'build' }],
  ])('reads media on an agent: %s', (_, agents, on) => {
    const known = new MemoryView();
    for (const [name, roles] of Object.entries(agents)) {
      known.observe('agent', name, { 'agent.roles': roles, 'agent.state': 'connected' });
    }
    expect(new Story({}, ['/iso/a.iso'], known).tasks).toMatchObject([{ key: 'look', kind: 'media', on }]);
  });

  it('defines the distribution and one image a method and profile', () => {
    const story = new Story({}).looked({ found });
    expect(story.said).toBe('Copying media to /install/rocky9.4/x86_64\n');
    expect(story.tasks).toMatchObject([{ key: 'copy-0', lock: 'media:/install/rocky9.4/x86_64' }]);
    story.task('copy-0', whole);
    expect(story.said).toBe(
      'Warning: [xcatmn]: A link was left out.\nMedia copy operation successful\n' +
        '4 files, 2.5 GB in 20 s (125 MB/s), 1 of them were there already; 3 digests that the medium names are right.\n',
    );
    const [distro, ...images] = story.changes;
    expect(distro?.values).toMatchObject({
      ...{ 'osdistro.basename': 'rocky', 'osdistro.majorversion': '9', 'osdistro.minorversion': '4' },
      ...{ 'osdistro.arch': 'x86_64', 'osdistro.type': 'Linux', 'osdistro.dirpaths': '/install/rocky9.4/x86_64' },
    });
    expect(images.map(({ name }) => name.replace('rocky9.4-x86_64-', ''))).toEqual([
      ...['install-compute', 'install-service', 'netboot-compute', 'statelite-compute'],
      ...['netboot-service', 'statelite-service'],
    ]);
    const values = (name: string) => images.find((image) => image.name === `rocky9.4-x86_64-${name}`)?.values;
    expect(values('install-compute')).toEqual({
      ...{ 'osimage.imagetype': 'linux', 'osimage.provmethod': 'install', 'osimage.profile': 'compute' },
      ...{ 'osimage.osname': 'Linux', 'osimage.osvers': 'rocky9.4', 'osimage.osarch': 'x86_64' },
      ...{ 'osimage.osdistroname': 'rocky9.4-x86_64', 'linuximage.template': '/s/compute.tmpl' },
      ...{ 'linuximage.pkglist': '/s/install.pkglist', 'linuximage.pkgdir': '/install/rocky9.4/x86_64' },
      'linuximage.otherpkgdir': '/install/post/otherpkgs/rocky9.4/x86_64',
    });
    expect(values('install-service')).toMatchObject({ 'osimage.postscripts': 'servicenode' });
    expect(values('install-service')).not.toHaveProperty('linuximage.postinstall');
    expect(values('statelite-service')).toMatchObject({
      ...{ 'osimage.provmethod': 'statelite', 'linuximage.postinstall': '/s/service.postinstall' },
      'linuximage.rootimgdir': '/install/netboot/rocky9.4/x86_64/service',
    });
    expect(values('netboot-compute')).toMatchObject({ 'linuximage.exlist': '/s/compute.exlist' });
    story.report({ about: 'commit', key: 'objects-0', outcome: 'done', revision: 2 });
    expect(story.last).toEqual({ do: 'done', exit: 0 });
  });

  it('adds to what is there: a folder of the distribution, folders that an administrator listed', () => {
    const known = new MemoryView({
      osdistro: { 'rocky9.4-x86_64': { 'osdistro.dirpaths': '/big/rocky' } },
      osimage: {
        'rocky9.4-x86_64-netboot-compute': {
          'osimage.imagetype': 'linux',
          'linuximage.pkgdir': '/srv/own,/install/rocky9.4/x86_64,http://mirror/updates',
        },
      },
    });
    const story = new Story({ nonoverwrite: [''] }, undefined, known).looked({ found });
    expect(story.tasks).toMatchObject([{ spec: { dirpaths: ['/big/rocky'], nonoverwrite: true } }]);
    story.task('copy-0', whole);
    expect(story.changes[0]?.values?.['osdistro.dirpaths']).toBe('/big/rocky,/install/rocky9.4/x86_64');
    const image = story.changes.find(({ name }) => name === 'rocky9.4-x86_64-netboot-compute');
    expect(image?.values?.['linuximage.pkgdir']).toBe('/install/rocky9.4/x86_64,/srv/own,http://mirror/updates');
  });

  it('with -o defines the distribution alone; what was there with -w changes nothing', () => {
    const story = new Story({ noosimage: [''] }).looked({ found }).task('copy-0', whole);
    expect(story.changes.map(({ type }) => type)).toEqual(['osdistro']);
    const again = new Story({ nonoverwrite: [''] }).looked({ found }).task('copy-0', { ...whole, outcome: 'present' });
    expect(again.said).toBe('The disc iso has already been copied in!\n');
    expect(again.step.effects.at(-1)).toEqual({ do: 'done', exit: 0 });
    expect(again.changes).toEqual([]);
  });

  it('copies one after the other, and ends with 1 where one was not recognised', () => {
    const story = new Story({}, ['/a', '/b', '/c']).looked({ found }, {}, { found });
    expect(story.tasks).toMatchObject([{ key: 'copy-0', spec: { medium: '/a' } }]);
    story.task('copy-0', whole).report({ about: 'commit', key: 'objects-0', outcome: 'done', revision: 2 });
    expect(story.tasks).toMatchObject([{ key: 'copy-2', spec: { medium: '/c' } }]);
    story.task('copy-2', whole).report({ about: 'commit', key: 'objects-2', outcome: 'done', revision: 3 });
    expect(story.last).toEqual({ do: 'done', exit: 1 });
  });

  it('copies nothing where one cannot be read, and says why a copy failed', () => {
    const unread = new Story({}, ['/a', '/b']).looked({ found }, { problem: 'It is not there.' });
    expect(unread.tasks).toEqual([]);
    expect(unread.last).toMatchObject({ do: 'refuse', message: 'Error: [xcatmn]: It is not there.', exit: 1 });
    const failed = {
      about: 'task',
      outcome: 'failed',
      agent: 'a',
      code: 'resource_exhausted',
      message: 'Full.',
    } as const;
    const full = new Story({}).looked({ found }).report({ ...failed, key: 'copy-0' });
    expect(full.said).toBe('Error: [xcatmn]: Media copy operation failed, status 1\n');
    expect(full.last).toMatchObject({ do: 'refuse', code: 'resource_exhausted', message: 'Error: [xcatmn]: Full.' });
    expect(new Story({}).report({ ...failed, key: 'look' }).last).toMatchObject({ message: 'Error: [xcatmn]: Full.' });
    const conflict = new Story({}).looked({ found }).task('copy-0', whole);
    conflict.report({ about: 'commit', key: 'objects-0', outcome: 'conflict', message: 'Somebody was faster.' });
    expect(conflict.last).toMatchObject({
      message: 'Error: [xcatmn]: Error when updating the osimage tables: Somebody was faster.',
    });
  });

  it('only looks with -i, as text or as data', () => {
    const story = new Story({ inspection: [''] }, ['/a', '/b']).looked({ found: { ...found, disc: '1' } }, {});
    expect(story.said).toContain('OS Image:/a\nDISTNAME:rocky9.4\nARCH:x86_64\nDISCNO:1\nOS Image:/b\nError: ');
    expect(story.last).toEqual({ do: 'done', exit: 1 });
    expect(story.tasks).toEqual([]);
  });
});
