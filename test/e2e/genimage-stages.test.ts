// Whole builds around packages of a few bytes: what decides a stage, and what must not. bound: 600 s
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageBuildSpec } from '../../shared/task/image-build.ts';
import { which } from '../../shared/process/which.ts';
import { snapshotsVariable } from '../../agent/tasks/image-build/layers/open.ts';
import { StageBuilds, type Calls } from '../lab/stage-builds.ts';

const why =
  process.getuid?.() === 0
    ? ['mmdebstrap', 'dpkg-deb', 'busybox', 'zstd', 'getfattr'].find((program) => which(program) === undefined)
    : 'root';

type Stage = 'bootstrap' | 'packages' | 'otherpkgs' | 'files' | 'postinstall' | 'agent' | 'initrd';
const all: readonly Stage[] = ['bootstrap', 'packages', 'otherpkgs', 'files', 'postinstall', 'agent'];
/** That stage, and all that stand on it. */
const from = (stage: Stage): readonly Stage[] => all.slice(all.indexOf(stage));

interface Flip {
  readonly input: string;
  /** Stages that are made anew. */
  readonly remade: readonly Stage[];
  /** Changes the input; what it returns (Partial<ImageBuildSpec>) is asked for. */
  readonly act: (world: StageBuilds) => unknown;
  /** Compare the tree with one that a machine without any cache builds. */
  readonly clean?: true;
  /** Path and text that the tree must show afterwards; null: that must be gone. */
  readonly shows?: readonly [path: string, text: RegExp | null];
}

const nothing: readonly Stage[] = [];

const flips: readonly Flip[] = [
  {
    input: 'a package that every tree has, its version',
    remade: from('bootstrap'),
    act: async ({ lab }) => {
      lab.has({ name: 'apt', essential: true, version: '2', files: { 'usr/bin/apt': 'apt 2' } });
      await lab.publish();
    },
    shows: ['usr/bin/apt', /apt 2/],
  },
  {
    input: 'a package that every tree has, its content under the same version',
    remade: from('bootstrap'),
    act: async ({ lab }) => {
      lab.has({ name: 'apt', essential: true, files: { 'usr/bin/apt': 'rebuilt' } });
      await lab.publish();
    },
    shows: ['usr/bin/apt', /rebuilt/],
  },
  { input: 'the version of mmdebstrap', remade: from('bootstrap'), act: ({ lab }) => lab.version('mmdebstrap', 'x 9') },
  { input: 'the version of apt', remade: from('bootstrap'), act: ({ lab }) => lab.version('apt-get', 'apt 99') },
  { input: 'the version of dpkg', remade: from('bootstrap'), act: ({ lab }) => lab.version('dpkg', 'dpkg 99') },
  {
    clean: true,
    input: 'a package added to the pkglist',
    remade: from('packages'),
    act: (world) => world.write('pkglist', 'hello\n#INCLUDE:more#\nextra\n'),
    shows: ['usr/bin/extra', /extra 1/],
  },
  {
    clean: true,
    input: 'a package taken off the pkglist',
    remade: from('packages'),
    act: (world) => world.write('pkglist', 'hello\n'),
    shows: ['usr/bin/tools', null],
  },
  {
    input: 'the version of a package of the pkglist',
    remade: from('packages'),
    act: async ({ lab }) => {
      lab.has({ name: 'tools', version: '2', files: { 'usr/bin/tools': 'tools 2' } });
      await lab.publish();
    },
    shows: ['usr/bin/tools', /tools 2/],
  },
  {
    input: 'the content of a package under the same version',
    remade: from('packages'),
    act: async ({ lab }) => {
      lab.has({ name: 'tools', files: { 'usr/bin/tools': 'again!' } });
      await lab.publish();
    },
    shows: ['usr/bin/tools', /again!/],
  },
  {
    clean: true,
    input: 'the version of what a package needs',
    remade: from('packages'),
    act: async ({ lab }) => {
      lab.has({ name: 'hello-data', version: '2', files: { 'usr/share/hello': 'data 2' } });
      await lab.publish();
    },
    shows: ['usr/share/hello', /data 2/],
  },
  {
    input: 'what a package needs',
    remade: from('packages'),
    act: async ({ lab }) => {
      lab.has({ name: 'hello', depends: 'hello-data, extra', files: { 'usr/bin/hello': 'hello 1\n' } });
      await lab.publish();
    },
    shows: ['usr/bin/extra', /extra 1/],
  },
  {
    input: 'a package that nobody asks for',
    remade: nothing,
    act: async ({ lab }) => {
      lab.has({ name: 'unrelated', version: '2' });
      await lab.publish();
    },
  },
  {
    input: 'a remark and an empty line in the pkglist',
    remade: nothing,
    act: (world) => world.write('pkglist', '# other words\n\nhello\n#INCLUDE:more#\n'),
  },
  {
    input: 'the order of the pkglist',
    remade: nothing,
    act: (world) => world.write('pkglist', '#INCLUDE:more#\nhello\n'),
  },
  {
    input: 'a package in an included list',
    remade: from('packages'),
    act: (world) => world.write('more', 'tools\nunrelated\n'),
    shows: ['usr/share/doc/unrelated/copyright', /free/],
  },
  { input: 'a remark in an included list', remade: nothing, act: (world) => world.write('more', 'tools\n# tools\n') },
  {
    input: '#ENV: in the pkglist',
    remade: from('packages'),
    act: (world) => world.write('pkglist', '#ENV:DEBUG=1#\nhello\n#INCLUDE:more#\n'),
  },
  {
    input: '#NEW_INSTALL_LIST# in the pkglist',
    remade: from('packages'),
    act: (world) => world.write('pkglist', 'hello\n#NEW_INSTALL_LIST#\n#INCLUDE:more#\n'),
  },
  {
    input: '--package in the pkglist',
    remade: from('packages'),
    act: (world) => world.write('pkglist', 'hello\n--dbus\n#INCLUDE:more#\n'),
    shows: ['usr/share/doc/dbus/copyright', null],
  },
  {
    input: 'the environment of the osimage',
    remade: from('packages'),
    act: () => ({ environment: { COLOR: 'blue' } }),
    shows: ['etc/post', /blue/],
  },
  {
    clean: true,
    input: 'the kernel with its modules',
    remade: [...from('packages'), 'initrd'],
    act: async ({ lab }) => {
      lab.has(lab.kernel('two', '2'));
      await lab.publish();
    },
    shows: ['lib/modules/6.1.0-lab/kernel/drivers/net/ethernet/lab.ko', /two/],
  },
  {
    input: 'the kernel in the pkglist by name',
    remade: nothing,
    act: (world) => world.write('pkglist', 'hello\n#INCLUDE:more#\nlinux-image-amd64\n'),
  },
  {
    clean: true,
    input: 'a package of otherpkglist, its version',
    remade: from('otherpkgs'),
    act: (world) =>
      world.lab.publishOther(world.at('other'), [
        { name: 'other-one', version: '2', files: { 'opt/other': 'other 2' } },
      ]),
    shows: ['opt/other', /other 2/],
  },
  {
    input: 'a package of otherpkglist, its content',
    remade: from('otherpkgs'),
    act: (world) => world.lab.publishOther(world.at('other'), [{ name: 'other-one', files: { 'opt/other': 'new!' } }]),
    shows: ['opt/other', /new!/],
  },
  {
    input: 'no otherpkglist any more',
    remade: from('files'),
    act: () => ({ otherpkglist: [] }),
    shows: ['opt/other', null],
  },
  { input: 'permission', remade: from('files'), act: () => ({ permission: '700' }) },
  { input: 'the network cards of the image', remade: from('files'), act: () => ({ interfaces: ['eth1'] }) },
  { input: 'the limit of /tmp', remade: from('files'), act: () => ({ tmplimit: '1g' }) },
  { input: 'the limit of the writable layer', remade: ['initrd'], act: () => ({ rootlimit: '512m' }) },
  {
    input: 'the same packages in another repository',
    // Scripts are told the address; nothing of a folder of this machine stands in the image.
    remade: from('postinstall'),
    act: async (world) => {
      await world.lab.publish(world.at('mirror'));
      return { pkgdir: [world.at('mirror')] };
    },
  },
  {
    input: 'a postinstall script',
    remade: from('postinstall'),
    act: (world) => world.write('post', world.script('two'), 0o755),
    shows: ['etc/post', /^two/],
  },
  {
    input: 'the mode of a script',
    remade: from('postinstall'),
    act: (world) => world.write('post', world.script('one'), 0o700),
  },
  {
    input: 'an argument of a script',
    remade: from('postinstall'),
    act: (world) => ({ postinstall: [`${world.at('post')} ${world.at('named')} ${world.at('named')}`] }),
    shows: ['etc/post', /named 1\nnamed 1/],
  },
  {
    input: 'a file that a script is given',
    remade: from('postinstall'),
    act: (world) => world.write('named', 'named 2\n'),
    shows: ['etc/post', /named 2/],
  },
  {
    input: 'no script any more',
    remade: ['agent'],
    act: () => ({ postinstall: [] }),
    shows: ['etc/post', null],
  },
  {
    input: 'the profile',
    remade: from('postinstall'),
    act: () => ({ profile: 'service' }),
    shows: ['etc/post', /service/],
  },
  { input: 'the name of the image', remade: from('postinstall'), act: () => ({ image: 'another' }) },
  {
    input: 'a point release',
    remade: from('postinstall'),
    act: () => ({ osvers: 'debian12.5' }),
    shows: ['etc/post', /debian12\.5/],
  },
  { input: 'the kernel version asked for', remade: from('postinstall'), act: () => ({ kernelver: '6.1.0-lab' }) },
  {
    input: 'the program of the agent',
    remade: ['agent'],
    act: (world) => world.write('agent', 'agent 2\n'),
    shows: ['opt/hostler/hostler-agent', /agent 2/],
  },
  {
    input: 'how the agent behaves',
    remade: ['agent'],
    act: () => ({ nodeagent: 'stay' }),
    shows: ['opt/hostler/agent.json', /stay/],
  },
  { input: 'netdrivers', remade: ['initrd'], act: () => ({ netdrivers: ['lab'] }) },
  { input: 'the version of zstd', remade: ['initrd'], act: ({ lab }) => lab.version('zstd', 'zstd 99') },
  {
    input: 'a module, by hand',
    remade: ['initrd'],
    act: (world) => writeFileSync(world.tree('lib/modules/6.1.0-lab/kernel/drivers/net/ethernet/lab.ko'), 'mine'),
    shows: ['lib/modules/6.1.0-lab/kernel/drivers/net/ethernet/lab.ko', /mine/],
  },
  {
    input: 'a file of the tree, by hand',
    remade: nothing,
    act: (world) => writeFileSync(world.tree('etc/exports'), '/install *(ro)\n'),
    shows: ['etc/exports', /install/],
  },
  { input: 'kernel words', remade: nothing, act: () => ({ addkcmdline: 'quiet' }) },
  {
    input: 'the times of all files',
    remade: nothing,
    act: (world) => world.reset(),
  },
];

describe.skipIf(why !== undefined)(why === undefined ? 'stages' : `stages (needs ${why})`, () => {
  let world: StageBuilds;

  beforeAll(async () => {
    world = new StageBuilds(mkdtempSync(join(tmpdir(), 'hostler-stages-')));
    await world.reset();
    await world.build();
  }, 60_000);
  afterAll(() => world.dispose());

  const expected = (remade: readonly Stage[]): Calls => {
    const has = (stage: Stage): number => (remade.includes(stage) ? 1 : 0);
    return {
      bootstrap: has('bootstrap'),
      packages: has('packages'),
      otherpkgs: has('otherpkgs'),
      layers: has('files') + has('postinstall') + has('agent'),
      postinstall: has('postinstall'),
      initrd: has('initrd'),
    };
  };

  /** Made by the tests above, and kept. */
  const edits = ['./etc', './etc/exports', './lib/modules/6.1.0-lab/kernel/drivers/net/ethernet/lab.ko'];

  it('there are at least thirty inputs to change', () => {
    expect(flips.length).toBeGreaterThanOrEqual(30);
  });

  it.each(flips)(
    '$input',
    async ({ remade, act, shows, clean: compared }) => {
      const spec = ((await act(world)) ?? {}) as Partial<ImageBuildSpec>;
      world.forget();
      await world.build(spec);
      // Passes and removals are calls of their own.
      const { packages, ...calls } = world.calls();
      const { packages: wanted, ...others } = expected(remade);
      expect(Math.min(packages, 1)).toBe(wanted);
      expect(calls).toEqual(others);
      if (shows !== undefined) {
        if (shows[1] === null) expect(world.shown(shows[0])).toBeUndefined();
        else expect(world.shown(shows[0])).toMatch(shows[1]);
      }
      if (compared === true) {
        // What was built on top of an earlier tree is what a machine without any cache builds, at another place.
        const clean = world.at('clean');
        await world.build({ ...spec, rootimgdir: clean }, world.at('clean-home'));
        expect(await world.different(clean)).toEqual([]);
        for (const name of ['clean', 'clean-home']) rmSync(world.at(name), { recursive: true, force: true });
      }
      // And back again: all of it is still known.
      await world.reset();
      world.forget();
      await world.build();
      expect(world.calls()).toEqual({ ...expected(nothing), initrd: world.calls().initrd });
    },
    60_000,
  );

  it('without overlays trees are copied, and come out the same', async () => {
    process.env[snapshotsVariable] = 'copy';
    try {
      const other = world.at('copied');
      await world.build({ rootimgdir: other }, world.at('copied-home'));
      world.write('post', world.script('two'), 0o755);
      world.forget();
      await world.build({ rootimgdir: other }, world.at('copied-home'));
      expect(world.calls()).toEqual(expected(from('postinstall')));
      await world.build();
      expect((await world.different(other)).filter((path) => !edits.includes(path))).toEqual([]);
    } finally {
      process.env[snapshotsVariable] = '';
      await world.reset();
      await world.build();
    }
  }, 60_000);

  it('the same tree comes out of an emptied cache, under another umask, into another folder', async () => {
    const before = await world.entries();
    const mask = process.umask(0o077);
    try {
      const other = world.at('elsewhere');
      world.forget();
      await world.build({ rootimgdir: other }, world.at('other-home'));
      expect(world.calls()).toMatchObject({ bootstrap: 1, packages: 1 });
      expect((await world.different(other)).filter((path) => !edits.includes(path))).toEqual([]);
      expect(before.size).toBeGreaterThan(30);
      expect(readFileSync(join(other, 'initrd-stateless.zst')).length).toBeGreaterThan(1000);
    } finally {
      process.umask(mask);
    }
  }, 60_000);

  it('--fresh makes everything anew, and takes edits away', async () => {
    writeFileSync(world.tree('etc/exports'), 'mine\n');
    world.forget();
    await world.build({ fresh: true });
    expect(world.calls()).toEqual(expected([...all, 'initrd']));
    expect(world.shown('etc/exports')).toBeUndefined();
    copyFileSync(world.at('agent'), world.tree('etc/exports'));
  }, 60_000);
});
