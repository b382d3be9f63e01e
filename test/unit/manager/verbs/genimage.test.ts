import { describe, expect, it } from 'vitest';
import { genimage } from '../../../../manager/verbs/genimage.ts';
import { environment } from '../../../../manager/verbs/image/description.ts';
import { knownReleases } from '../../../../shared/distro/release.ts';
import type { Effect, Report } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const image = {
  'osimage.imagetype': 'linux',
  'osimage.osvers': 'debian12',
  'osimage.osarch': 'x86_64',
  'osimage.profile': 'compute',
  'osimage.provmethod': 'netboot',
  'osimage.environvar': 'A=1,B=two,three',
  'linuximage.pkglist': '/l/a.pkglist,/l/b.pkglist',
  'linuximage.postinstall': '/s/one x y, /s/two',
  'linuximage.netdrivers': 'tg3',
};

const view = (changes: Record<string, string> = {}): MemoryView => {
  const row = Object.fromEntries(Object.entries({ ...image, ...changes }).filter(([, value]) => value !== ''));
  return new MemoryView({ osimage: { img: row } });
};

const start = (
  known: MemoryView,
  operands: string[],
  options: Record<string, readonly string[]> = {},
): readonly Effect[] => genimage.start(asked('genimage', { operands, options }), known).effects;

const error = (effects: readonly Effect[]): string =>
  effects.map((e) => (e.do === 'refuse' ? `${e.exit ?? 1} ${e.message}` : '')).join('');
const said = (effects: readonly Effect[]): string => effects.map((e) => (e.do === 'say' ? e.text : '')).join('');

describe('genimage refuses', () => {
  it.each([
    ['an unknown image', view(), ['nosuch'], {}, "Cannot find image 'nosuch' from the osimage table."],
    [
      'an image without an operating system',
      view({ 'osimage.osvers': '' }),
      ['img'],
      {},
      'osimage.osvers, osimage.osarch, osimage.profile and osimage.provmethod must be specified for the image img in the database.',
    ],
    [
      'an image that is installed',
      view({ 'osimage.provmethod': 'install' }),
      ['img'],
      {},
      "'img' cannot be used to build diskless image. Make sure osimage.provmethod is 'netboot'.",
    ],
    [
      'an image without packages',
      view({ 'linuximage.pkglist': '' }),
      ['img'],
      {},
      "A .pkglist file must be specified for image 'img' in the linuximage table.",
    ],
    [
      'statelite of another family',
      view({ 'osimage.osvers': 'rhels8' }),
      ['img'],
      { m: ['statelite'] },
      '-m flag is valid for Ubuntu, Debian and Fedora12 only.',
    ],
    [
      'a release that is not there',
      view({ 'osimage.osvers': 'rhels7.9' }),
      ['img'],
      {},
      `Images of rhels7.9 cannot be built; known are ${knownReleases().join(', ')}.`,
    ],
    [
      'an architecture that is not there',
      view({ 'osimage.osarch': 'ppc' }),
      ['img'],
      {},
      'debian12 does not exist for the architecture ppc.',
    ],
    [
      'a release whose Node.js is too old',
      view({ 'osimage.osvers': 'debian11.3' }),
      ['img'],
      {},
      'debian11.3 brings Node.js 12, and the agent in an image needs 18 or later. Name a Node.js archive of nodejs.org for x86_64 with its digest: chdef -t site noderuntime.x86_64="FILE-OR-URL sha256:DIGEST".',
    ],
    [
      'a name with -o',
      view(),
      ['img'],
      { o: ['debian12'] },
      'The options -o, -p and -a cannot be used together with an image name.',
    ],
    ['-o alone', view(), [], { o: ['debian12'] }, 'Without an image name both -o OSVER and -p PROFILE are needed.'],
  ])('%s', (_, known, operands, options, message) => {
    expect(error(start(known, operands, options))).toBe(`1 Error: [xcatmn]: ${message}`);
  });
});

describe('genimage', () => {
  it('asks one build of an agent with the role, with everything the osimage says', () => {
    const run = start(view(), ['img'], { onlyinitrd: [''] }).find((effect) => effect.do === 'run');
    expect(run?.task).toMatchObject({
      key: 'build',
      kind: 'image-build',
      on: { role: 'build', arch: 'x86_64', cross: true, release: 'debian12' },
      spec: {
        image: 'img',
        osvers: 'debian12',
        arch: 'x86_64',
        profile: 'compute',
        rootimgdir: '/install/netboot/debian12/x86_64/compute',
        pkglist: ['/l/a.pkglist', '/l/b.pkglist'],
        pkgdir: [],
        postinstall: ['/s/one x y', '/s/two'],
        netdrivers: ['tg3'],
        environment: { A: '1', B: 'two,three' },
        nodeagent: 'once',
        onlyinitrd: true,
        fresh: false,
      },
    });
  });

  it('writes back what was given, says so, and uses it', () => {
    const given = { n: ['e1000e,igb'], i: ['eth0'], permission: ['700'], k: ['6.1'], kerneldir: ['/kernels'] };
    const effects = start(view(), ['img'], given);
    expect(said(effects)).toBe(
      'Generating image: \n' +
        'The primary nic is different from the value in linuximage table, will update it.\n' +
        'The netdrivers is different from the value in linuximage table, will update it.\n' +
        'The kernelver is different from the value in linuximage table, will update it.\n' +
        'The kerneldir is different from the value in linuximage table, will update it.\n' +
        'The permission is different from the value in linuximage table, will update it.\n',
    );
    expect(effects.find((effect) => effect.do === 'commit')?.changes).toMatchObject([
      {
        type: 'osimage',
        name: 'img',
        values: {
          'linuximage.nodebootif': 'eth0',
          'linuximage.netdrivers': 'e1000e,igb',
          'linuximage.kernelver': '6.1',
          'linuximage.kerneldir': '/kernels',
          'linuximage.permission': '700',
        },
      },
    ]);
    expect(effects.find((effect) => effect.do === 'run')?.task.spec).toMatchObject({
      netdrivers: ['e1000e', 'igb'],
      kernelver: '6.1',
    });
  });

  it('--dryrun prints the line, changes nothing, runs nothing', () => {
    const effects = start(view(), ['img'], { dryrun: [''], n: ['igb'], noupdate: [''], l: ['1g'] });
    expect(effects.map((effect) => effect.do)).toEqual(['say', 'say', 'say', 'done']);
    expect(said(effects)).toContain(
      'cd /opt/xcat/share/xcat/netboot/debian; ./genimage -a x86_64 -o debian12 -p compute -n igb -l 1g --permission 755 --env A=1 --env B=two,three --pkglist /l/a.pkglist,/l/b.pkglist --postinstall "/s/one x y, /s/two" --rootimgdir /install/netboot/debian12/x86_64/compute --noupdate 1 img\n',
    );
  });

  it.each([
    ['debian12', ''],
    ['rocky9.4', ' --srcdir "/install/rocky9.4/x86_64"'],
  ])('--dryrun names where the packages of %s are on any machine, if anywhere', (osvers, srcdir) => {
    const text = said(start(view({ 'osimage.osvers': osvers }), ['img'], { dryrun: [''] }));
    expect(text).toContain(` --permission 755 --env A=1 --env B=two,three${srcdir} --pkglist `);
  });

  it('--dryrun prints words that a shell takes as they are, whatever attributes say', () => {
    const known = view({
      ...{ 'linuximage.postinstall': '/s/one $(reboot) "x"', 'linuximage.rootimgdir': "/r/a;b'c" },
      ...{ 'osimage.environvar': 'A=`id`', 'osimage.profile': 'x y' },
    });
    const line = said(start(known, ['img'], { dryrun: [''] })).split('\n')[1] ?? '';
    expect(line).toContain(`./genimage -a x86_64 -o debian12 -p 'x y' `);
    expect(line).toContain(` --env 'A=\`id\`' `);
    expect(line).toContain(` --postinstall '/s/one $(reboot) "x"' `);
    expect(line).toContain(` --rootimgdir '/r/a;b'\\''c' `);
  });

  it('--dryrun adds what the site says where a build by hand would not know it', () => {
    const noderuntime = `/srv/node.tar.xz sha256:${'ab'.repeat(32)}`;
    const known = new MemoryView({
      osimage: { img: { ...image, 'osimage.osvers': 'debian11' } },
      site: { clustersite: { 'site.noderuntime.x86_64': noderuntime, 'site.nodeagent': 'stay' } },
    });
    expect(said(start(known, ['img'], { dryrun: [''] }))).toMatch(
      new RegExp(` --nodeagent stay --noderuntime "${noderuntime}" img\n$`),
    );
  });

  it('--dryrun of -o -a -p has what was given, and nothing else', () => {
    const line = (options: Record<string, readonly string[]>): string | undefined =>
      said(start(view(), [], { o: ['rocky9.4'], p: ['compute'], dryrun: [''], ...options }))
        .split('\n')
        .find((text) => text.startsWith('cd '));
    const begin = 'cd /opt/xcat/share/xcat/netboot/rocky; ./genimage -a x86_64 -o rocky9.4 -p compute';
    expect(line({})).toBe(begin);
    expect(line({ n: ['igb'], k: ['5.14'], t: ['1g'], permission: ['700'], onlyinitrd: [''], noupdate: [''] })).toBe(
      `${begin} -n igb -t 1g -k 5.14 --permission 700 --onlyinitrd --noupdate 1`,
    );
  });

  it('--on names the agent; without it the one that built the image before is rather taken than another', () => {
    const on = (options: Record<string, readonly string[]>): unknown => {
      const known = view();
      known.observe('osimage', 'img', { 'hostler.builtby': 'b7' });
      return start(known, ['img'], options).find((effect) => effect.do === 'run')?.task.on;
    };
    const wanted = { role: 'build', arch: 'x86_64', cross: true, release: 'debian12', rather: 'b7' };
    expect(on({})).toEqual(wanted);
    expect(on({ on: ['arm01'] })).toEqual({ ...wanted, agent: 'arm01' });
  });

  it('finds the osimage of -o -a -p by its name', () => {
    const known = new MemoryView({ osimage: { 'debian12-x86_64-netboot-compute': image } });
    const effects = start(known, [], { o: ['debian12'], p: ['compute'] });
    expect(effects.find((effect) => effect.do === 'run')?.task.spec).toMatchObject({
      image: 'debian12-x86_64-netboot-compute',
    });
  });

  it('builds a profile that no osimage describes, and defines its osimages in the end', () => {
    const options = { o: ['rocky9.4'], p: ['compute'], n: ['igb'] };
    const { state, effects } = genimage.start(asked('genimage', { operands: [], options }), view());
    expect(effects.find((effect) => effect.do === 'run')?.task.spec).toMatchObject({
      ...{
        image: 'rocky9.4-x86_64-netboot-compute',
        osvers: 'rocky9.4',
        profile: 'compute',
        search: true,
        pkglist: [],
      },
      ...{ pkgdir: ['/install/rocky9.4/x86_64'], rootimgdir: '/install/netboot/rocky9.4/x86_64/compute' },
      ...{ otherpkgdir: ['/install/post/otherpkgs/rocky9.4/x86_64'], netdrivers: ['igb'] },
    });
    const found = { pkglist: '/s/compute.pkglist', exlist: '/s/compute.exlist' };
    const result = { kernelver: '5.14', packages: 90, bytes: 5e8, stages: [], found };
    const ended = genimage.on?.(state, { about: 'task', key: 'build', outcome: 'done', agent: 'b1', result }, view());
    const commit = ended?.effects.find((effect) => effect.do === 'commit');
    expect(commit?.changes.map((change) => change.name)).toEqual([
      'rocky9.4-x86_64-netboot-compute',
      'rocky9.4-x86_64-statelite-compute',
    ]);
    expect(commit?.changes[1]?.values).toMatchObject({
      ...{ 'osimage.provmethod': 'statelite', 'osimage.osvers': 'rocky9.4', 'osimage.imagetype': 'linux' },
      ...{ 'linuximage.pkglist': '/s/compute.pkglist', 'linuximage.exlist': '/s/compute.exlist' },
      ...{ 'linuximage.netdrivers': 'igb', 'linuximage.permission': '755' },
    });
    const last = genimage.on?.(
      ended?.state ?? null,
      { about: 'commit', key: 'define', outcome: 'done', revision: 4 },
      view(),
    );
    expect(last?.effects).toEqual([{ do: 'done', exit: 0 }]);
  });

  it.each([
    ['debian12', []],
    ['rocky9.4', ['/install/rocky9.4/x86_64']],
    ['sles15.5', ['/install/sles15.5/x86_64']],
  ])('packages of %s come from where they usually do', (osvers, pkgdir) => {
    const run = start(view({ 'osimage.osvers': osvers }), ['img']).find((effect) => effect.do === 'run');
    expect(run?.task.spec).toMatchObject({ pkgdir });
  });

  it('hands on every attribute and option that a build needs', () => {
    const known = view({
      ...{ 'linuximage.kerneldir': '/k', 'linuximage.driverupdatesrc': 'rpm:/d/one.rpm,rpm:/d/two.rpm' },
      ...{ 'linuximage.nodebootif': 'eth0', 'linuximage.otherifce': 'eth1,ib0', 'linuximage.krpmver': '1.2' },
      ...{ 'linuximage.otherpkglist': '/o/list', 'linuximage.otherpkgdir': '/o' },
    });
    const options = { l: ['2g'], t: ['512m'], ignorekernelchk: [''], noupdate: [''], permission: ['700'] };
    expect(start(known, ['img'], options).find((effect) => effect.do === 'run')?.task.spec).toMatchObject({
      ...{ kerneldir: '/k', driverupdatesrc: ['rpm:/d/one.rpm', 'rpm:/d/two.rpm'], ignorekernelchk: true },
      ...{ interfaces: ['eth0', 'eth1', 'ib0'], krpmver: '1.2', otherpkglist: ['/o/list'], otherpkgdir: ['/o'] },
      ...{ rootlimit: '2g', tmplimit: '512m', noupdate: true, permission: '700' },
    });
  });

  it('says which options change nothing', () => {
    const effects = start(view(), ['img'], { m: ['statelite'], interactive: [''] });
    expect(said(effects)).toContain('Warning: [xcatmn]: -m has no effect: ');
    expect(said(effects)).toContain('Warning: [xcatmn]: --interactive has no effect: ');
  });

  it('hands on how large the cache of a build host may be; what is no size is refused', () => {
    const known = (size: string): MemoryView =>
      new MemoryView({ osimage: { img: image }, site: { clustersite: { 'site.imagecachesize': size } } });
    const spec = (size: string): unknown =>
      start(known(size), ['img']).find((effect) => effect.do === 'run')?.task.spec;
    expect(spec('20g')).toMatchObject({ cacheBytes: 20 * 2 ** 30 });
    expect(spec('1048576')).toMatchObject({ cacheBytes: 1_048_576 });
    expect(error(start(known('a lot'), ['img']))).toContain('site.imagecachesize is no size such as 20g or 800m');
  });

  it('takes the Node.js of the site for a release whose own is too old', () => {
    const noderuntime = `/srv/node.tar.xz sha256:${'ab'.repeat(32)}`;
    const known = new MemoryView({
      osimage: { img: { ...image, 'osimage.osvers': 'debian11' } },
      site: { clustersite: { 'site.noderuntime.x86_64': noderuntime } },
    });
    expect(start(known, ['img']).find((effect) => effect.do === 'run')?.task.spec).toMatchObject({ noderuntime });
  });

  const state = { image: 'img', server: 'xcatmn', rootimgdir: '/r' };
  const report = (stages: { name: string; seconds: number; cached: boolean }[]): Report => ({
    about: 'task',
    key: 'build',
    outcome: 'done',
    agent: 'b1',
    result: { kernelver: '6.1.0-1', packages: 177, bytes: 795e6, stages },
  });

  it('says what it made and remembers who has it', () => {
    const effects =
      genimage.on?.(state, report([{ name: 'packages', seconds: 60, cached: false }]), view()).effects ?? [];
    expect(said(effects)).toContain('Built /r/rootimg: 177 packages, 795 MB, kernel 6.1.0-1 (60 s on b1).');
    expect(effects.find((effect) => effect.do === 'observe')).toMatchObject({
      name: 'img',
      values: { 'hostler.builtby': 'b1' },
    });
    expect(effects.at(-1)).toEqual({ do: 'done', exit: 0 });
    const known = view();
    known.observe('osimage', 'img', { 'hostler.builtby': 'b9' });
    const elsewhere =
      genimage.on?.(state, report([{ name: 'packages', seconds: 60, cached: false }]), known).effects ?? [];
    expect(said(elsewhere)).toContain('Warning: [xcatmn]: img was built on b9 before, where its tree stays');
    const again =
      genimage.on?.(
        state,
        report([
          { name: 'packages', seconds: 0, cached: true },
          { name: 'initrd', seconds: 2, cached: false },
        ]),
        view(),
      ).effects ?? [];
    expect(said(again)).toContain('/r/rootimg is up to date');
  });

  it.each(['failed', 'lost', 'cancelled'] as const)('hands on why a build %s', (outcome) => {
    const effects =
      genimage.on?.(
        state,
        {
          about: 'task',
          key: 'build',
          outcome,
          agent: 'b1',
          code: 'not_found',
          message: 'The package x does not exist.',
        },
        view(),
      ).effects ?? [];
    expect(error(effects)).toBe(
      '1 Error: [xcatmn]: The package x does not exist.\nError: [xcatmn]: genimage command failed with rc 1.',
    );
  });

  it('goes on while its options are written', () => {
    expect(genimage.on?.(state, { about: 'commit', key: 'options', outcome: 'done', revision: 3 }, view())).toEqual({
      state,
      effects: [],
    });
  });
});

describe('environment', () => {
  it.each([
    ['', {}],
    ['A=1', { A: '1' }],
    ['A=1, B=x y,C=', { A: '1', B: 'x y', C: '' }],
    ['A=a,b,c=d', { A: 'a,b', c: 'd' }],
    ['nothing,A=1', { A: '1' }],
  ])('%j', (text, found) => {
    expect(environment(text)).toEqual(found);
  });
});
