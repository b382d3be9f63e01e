import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { readLine } from '../../../../agent/by-hand/arguments.ts';
import { genimage } from '../../../../manager/verbs/genimage.ts';
import type { ImageBuildSpec } from '../../../../shared/task/image-build.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const image = {
  'osimage.imagetype': 'linux',
  'osimage.osvers': 'rocky9.4',
  'osimage.osarch': 'x86_64',
  'osimage.profile': 'compute',
  'osimage.provmethod': 'netboot',
  'linuximage.pkglist': '/l/a.pkglist,/l/b.pkglist',
};

/** What an agent is asked to build, and what the line of --dryrun asks for when a shell has read it. */
function both(
  row: Record<string, string>,
  options: Record<string, readonly string[]> = {},
  site: Record<string, string> = {},
): { readonly task: ImageBuildSpec; readonly line: ImageBuildSpec | undefined } {
  const known = new MemoryView({ osimage: { img: { ...image, ...row } }, site: { clustersite: site } });
  const effects = (more: Record<string, readonly string[]>) =>
    genimage.start(asked('genimage', { operands: ['img'], options: { ...options, ...more } }), known).effects;
  const task = effects({}).find((effect) => effect.do === 'run')?.task.spec as unknown as ImageBuildSpec;
  const text = effects({ dryrun: [''] }).map((effect) => (effect.do === 'say' ? effect.text : ''));
  const [, call = ''] = (text.find((one) => one.startsWith('cd ')) ?? '').split('; ./genimage ');
  const words = execFileSync('sh', ['-c', `printf '%s\\0' ${call}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);
  return { task, line: readLine(words)?.spec };
}

describe('the line of genimage --dryrun asks for what an agent is asked for', () => {
  it.each<[string, Record<string, string>, Record<string, readonly string[]>?, Record<string, string>?]>([
    ['of an osimage with little', {}],
    ['of Debian, whose packages come from the machine', { 'osimage.osvers': 'debian12', 'osimage.osarch': 'arm64' }],
    [
      'of an osimage with every attribute',
      {
        ...{ 'linuximage.otherpkgdir': '/o', 'linuximage.otherpkglist': '/o/list', 'linuximage.pkgdir': '/a,/b' },
        ...{ 'linuximage.postinstall': '/s/one x y, /s/two', 'linuximage.kerneldir': '/k', 'linuximage.krpmver': '2' },
        ...{ 'linuximage.driverupdatesrc': 'rpm:/d/1.rpm,rpm:/d/2.rpm', 'linuximage.netdrivers': 'igb,tg3' },
        ...{ 'linuximage.nodebootif': 'eth0', 'linuximage.otherifce': 'eth1,ib0', 'linuximage.permission': '700' },
        ...{ 'linuximage.rootimgdir': '/elsewhere/img', 'osimage.environvar': "A=1,B=two,three,C=it's $HOME" },
      },
    ],
    [
      'with options',
      {},
      {
        ...{ l: ['2g'], t: ['512m'], k: ['5.14'], g: ['1.2'], n: ['e1000e'], i: ['eth2'], r: ['ib1'] },
        ...{ onlyinitrd: [''], ignorekernelchk: [''], noupdate: [''], permission: ['711'], kerneldir: ['/x'] },
      },
    ],
    [
      'of a site that says more',
      { 'osimage.osvers': 'ubuntu22.04' },
      {},
      { 'site.nodeagent': 'stay', 'site.noderuntime.x86_64': `/srv/node.tar.xz sha256:${'ab'.repeat(32)}` },
    ],
    ['of a service node', { 'osimage.profile': 'service' }],
  ])('%s', (_, row, options, site) => {
    const { task, line } = both(row, options, site);
    expect(line).toEqual(task);
  });
});

describe('genimage by hand', () => {
  it('knows the usual places of a profile', () => {
    const found = readLine(['-a', 'x86_64', '-o', 'rocky9.4', '-p', 'compute']);
    expect(found?.spec).toMatchObject({
      ...{ image: 'rocky9.4-x86_64-netboot-compute', search: true, pkgdir: ['/install/rocky9.4/x86_64'] },
      ...{ otherpkgdir: ['/install/post/otherpkgs/rocky9.4/x86_64'] },
      rootimgdir: '/install/netboot/rocky9.4/x86_64/compute',
    });
    expect(found).toMatchObject({ home: '/var/cache/hostler', installDir: '/install', idle: [] });
    expect(readLine(['-o', 'debian12', '-p', 'x', '-m', 'statelite', '--interactive'])).toMatchObject({
      spec: { pkgdir: [] },
      idle: ['mode', 'interactive'],
    });
    expect(readLine(['--help'])).toBeUndefined();
  });

  it.each([
    [['-o', 'debian12'], '-o OSVER and -p PROFILE are both needed'],
    [['-o', 'debian12', '-p', 'x', 'one', 'two'], 'there is one image, not one and two'],
    [['-o', 'debian12', '-p', 'x', '--bogus'], "Unknown option '--bogus'"],
    [['-o', 'debian12', '-p', 'x', '--env', 'A'], "--env takes NAME=VALUE, not 'A'"],
    [['-o', 'debian12', '-p', 'x', '--nodeagent', 'never'], '--nodeagent is once or stay'],
  ])('says what is wrong with %j', (words, message) => {
    expect(() => readLine(words)).toThrow(message);
  });
});
