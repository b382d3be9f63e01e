// The work tree as people use it, and builds that go wrong; whole builds around packages of a few bytes. bound: 600 s
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheBytesVariable, LayerCache } from '../../agent/tasks/image-build/layers/cache.ts';
import { handEdits } from '../../agent/tasks/image-tree/edits.ts';
import { mountsBelow } from '../../agent/tasks/image-tree/folder.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import { imageBuildKind } from '../../shared/task/image-build.ts';
import { ImageTasks } from '../lab/image-tasks.ts';
import { loopDevicesOf } from '../lab/loop-devices.ts';
import { StageBuilds } from '../lab/stage-builds.ts';

const why =
  process.getuid?.() === 0
    ? ['mmdebstrap', 'dpkg-deb', 'busybox', 'zstd', 'getfattr', 'setcap'].find(
        (program) => which(program) === undefined,
      )
    : 'root';
const never = new AbortController().signal;

describe.skipIf(why !== undefined)(why === undefined ? 'the work tree' : `the work tree (needs ${why})`, () => {
  let world: StageBuilds;

  beforeAll(async () => {
    world = new StageBuilds(mkdtempSync(join(tmpdir(), 'hostler-edits-')));
    await world.reset();
    await world.build();
  }, 60_000);
  afterAll(() => world.dispose());

  const edits = async (image = world.image): Promise<string[]> =>
    ((await handEdits(image, never)) ?? []).map(({ path, change, what }) => [path, change, ...what].join(' '));
  const leftovers = (image = world.image): string[] =>
    readdirSync(image).filter((name) => /^rootimg\.|\.new-|applying|next/.test(name));
  const clean = async (): Promise<void> => {
    expect(leftovers()).toEqual([]);
    expect(await mountsBelow(world.dir)).toEqual([]);
    expect(loopDevicesOf(world.dir)).toEqual([]);
    expect(readdirSync(join(world.home, 'cache/image/layers')).filter((name) => name.startsWith('new-'))).toEqual([]);
  };
  const fresh = (): Promise<unknown> => world.reset().then(() => world.build({ fresh: true }));

  it('what the documents say may be done by hand is found, named, and kept by the next genimage', async () => {
    // chroot rootimg systemctl disable; echo >etc/exports; chmod; setcap; a tree that was built elsewhere
    mkdirSync(world.tree('srv/elsewhere/deep'), { recursive: true });
    writeFileSync(world.tree('srv/elsewhere/deep/file'), 'built elsewhere');
    writeFileSync(world.tree('etc/exports'), '/install *(ro,no_root_squash,sync,no_subtree_check)\n');
    writeFileSync(world.tree('usr/bin/hello'), 'edited in place');
    chmodSync(world.tree('usr/sbin/keep'), 0o4755);
    rmSync(world.tree('etc/systemd/system/multi-user.target.wants/hostler-agent.service'));
    await run('setcap', ['cap_net_raw+ep', world.tree('usr/bin/tools')]);
    const found = [
      './etc/exports added',
      './etc/systemd/system/multi-user.target.wants/hostler-agent.service removed',
      './srv added',
      './srv/elsewhere added',
      './srv/elsewhere/deep added',
      './srv/elsewhere/deep/file added',
      './usr/bin/hello changed content',
      './usr/bin/tools changed attributes',
      './usr/sbin/keep changed mode',
    ];
    expect(await edits()).toEqual(found);

    world.write('post', world.script('two'), 0o755);
    world.write('pkglist', 'hello\n#INCLUDE:more#\nextra\n');
    await world.build();
    expect(world.shown('etc/post')).toMatch(/^two/);
    expect(world.shown('usr/bin/extra')).toBe('extra 1\n');
    expect(world.shown('srv/elsewhere/deep/file')).toBe('built elsewhere');
    expect(world.shown('usr/bin/hello')).toBe('edited in place');
    expect(lstatSync(world.tree('usr/sbin/keep')).mode & 0o7777).toBe(0o4755);
    expect(await edits()).toEqual(found);
    expect(lstatSync(world.tree('.')).isDirectory()).toBe(true);
    await clean();

    await fresh();
    expect(await edits()).toEqual([]);
    expect(world.shown('usr/bin/hello')).toBe('hello 1\n');
  }, 60_000);

  it('where a stage and a hand change the same path, the hand wins, and the path is named', async () => {
    writeFileSync(world.tree('etc/post'), 'mine\n');
    world.write('post', world.script('three'), 0o755);
    await world.build();
    expect(world.shown('etc/post')).toBe('mine\n');
    expect(world.logs.filter((line) => line.startsWith('Warning'))).toEqual([
      expect.stringContaining('./etc/post was edited by hand') as string,
    ]);
    expect(await edits()).toEqual(['./etc/post changed content']);
    // Said once: the next build changes nothing there.
    await world.build();
    expect(world.logs.filter((line) => line.startsWith('Warning'))).toEqual([]);
    await fresh();
    expect(world.shown('etc/post')).toMatch(/^one/);
  }, 60_000);

  it('a folder taken away by hand stays away; one that holds something by hand stays', async () => {
    rmSync(world.tree('usr/share/doc'), { recursive: true });
    writeFileSync(world.tree('opt/mine'), 'mine');
    world.write('pkglist', 'hello\nextra\n');
    // Where a stage wants a folder, a hand has put a file; and a file of a package is a folder now.
    writeFileSync(world.tree('etc/place'), 'a file');
    rmSync(world.tree('usr/bin/tools'));
    mkdirSync(world.tree('usr/bin/tools/in'), { recursive: true });
    world.lab.has({ name: 'extra', files: { 'usr/bin/extra': 'extra 1\n', 'etc/place/deep/file': 'x' } });
    await world.lab.publish();
    await world.build({ otherpkglist: [] });
    expect(world.shown('etc/place')).toBe('a file');
    expect(existsSync(world.tree('usr/bin/tools/in'))).toBe(true);
    expect(existsSync(world.tree('usr/share/doc'))).toBe(false);
    expect(world.shown('usr/bin/extra')).toBe('extra 1\n');
    expect(existsSync(world.tree('opt/other'))).toBe(false);
    expect(world.shown('opt/mine')).toBe('mine');
    await fresh();
  }, 60_000);

  it('a link that leads out of the tree is not followed', async () => {
    const outside = world.at('outside');
    mkdirSync(outside);
    rmSync(world.tree('opt'), { recursive: true });
    symlinkSync(outside, world.tree('opt'));
    await world.lab.publishOther(world.at('other'), [
      { name: 'other-one', version: '3', files: { 'opt/other': 'other 3', 'opt/more': 'm' } },
    ]);
    await world.build();
    expect(readdirSync(outside)).toEqual([]);
    expect(lstatSync(world.tree('opt')).isSymbolicLink()).toBe(true);
    rmSync(world.tree('opt'));
    await fresh();
  }, 60_000);

  it('a tree that was copied away and back is as it was; one that nobody knows is not replaced', async () => {
    const away = world.at('away');
    await run('cp', ['-a', world.tree('.'), away]);
    rmSync(world.tree('.'), { recursive: true });
    renameSync(away, world.tree('.'));
    expect(await edits()).toEqual([]);
    const strange = world.at('strange');
    mkdirSync(join(strange, 'rootimg/etc'), { recursive: true });
    await expect(world.build({ rootimgdir: strange })).rejects.toThrow(
      `${strange}/rootimg holds a tree that this genimage did not make. Move it away`,
    );
    await world.build({ rootimgdir: strange, fresh: true });
    expect(await world.different(strange)).toEqual([]);
  }, 60_000);

  describe('on a bad day', () => {
    it('a package whose script fails: its own words first, the earlier tree as it was', async () => {
      const before = await world.entries();
      writeFileSync(
        world.at('lab/apt-fails'),
        'Setting up extra (1) ...\nthe words of extra\ndpkg: error processing package extra (--configure):\n it exited with 3\n',
      );
      world.write('more', 'tools\nunrelated\n');
      try {
        await expect(world.build()).rejects.toMatchObject({
          code: 'failed_precondition',
          message: expect.stringMatching(/could not be installed:\nthe words of extra\ndpkg: error/) as string,
        });
      } finally {
        rmSync(world.at('lab/apt-fails'));
      }
      expect([...(await world.entries()).keys()]).toEqual([...before.keys()]);
      await clean();
      await fresh();
    }, 60_000);

    it('a postinstall that hangs is stopped, and what it said is told', async () => {
      world.write('post', '#!/bin/sh\necho waiting for ever\nsleep 600\n', 0o755);
      await expect(world.build({ environment: { COLOR: 'red', POSTINSTALL_TIMEOUT: '1' } })).rejects.toThrow(
        /post did not end within 1 s and was stopped.*\nIts last words:\nwaiting for ever/s,
      );
      await clean();
      await world.reset();
    }, 60_000);

    it('hostile lists are refused at once', async () => {
      const big = world.at('big');
      writeFileSync(big, 'x\n');
      truncateSync(big, 10_000_000 * 8);
      writeFileSync(world.at('many'), 'less\n'.repeat(200_000));
      writeFileSync(world.at('millions'), 'l\n'.repeat(10_000_000));
      writeFileSync(world.at('wide'), `#INCLUDE:${world.at('long')}#\n`.repeat(90_000));
      writeFileSync(world.at('long'), `# ${'l'.repeat(8_000_000)}`);
      const began = Date.now();
      for (const [pkglist, words] of [
        [big, /big/],
        ['/dev/zero', /dev\/zero/],
        [world.at('many'), /more than 100000 lines/],
        [world.at('millions'), /millions is longer than 16 MiB/],
        [world.at('wide'), /longer than 64 MiB together/],
      ] as const) {
        await expect(world.build({ pkglist: [pkglist] })).rejects.toThrow(words);
      }
      for (const [exlist, words] of [
        [world.at('millions'), /millions is longer than 16 MiB/],
        ['/dev/zero', /not an ordinary file/],
        [world.at('many'), /more than 100000 lines/],
      ] as const) {
        await expect(world.pack({ exlist: [exlist] })).rejects.toThrow(words);
        await expect(world.pack({ synclists: [exlist] })).rejects.toThrow(words);
      }
      expect(Date.now() - began).toBeLessThan(30_000);
      for (const line of ['../../../etc/passwd', '/etc/passwd', '$(id)', '-o APT::x=y', 'a;b', '--', '`id`']) {
        world.write('pkglist', `${line}\n`);
        await expect(world.build(), line).rejects.toThrow();
      }
      await clean();
      await world.reset();
    }, 60_000);

    it('a full disk under the cache: said so, and the tree as it was', async () => {
      const home = world.at('small');
      mkdirSync(home);
      await run('mount', ['-t', 'tmpfs', '-o', 'size=1500k', 'small', home]);
      try {
        await expect(world.build({}, home)).rejects.toMatchObject({ code: 'resource_exhausted' });
      } finally {
        await run('umount', [home]);
      }
      await clean();
      expect(await edits()).toEqual([]);
    }, 60_000);

    it('a repository that goes half-way', async () => {
      const packages = join(world.lab.repository, 'dists/bookworm/main/binary-amd64/Packages');
      writeFileSync(packages, readFileSync(packages, 'utf8').slice(0, 300));
      await expect(world.build({}, world.at('half-home'))).rejects.toThrow(/could not be fetched/);
      await clean();
      await world.reset();
      rmSync(join(world.lab.repository, 'pool/tools_1_amd64.deb'));
      world.write('pkglist', 'hello\n#INCLUDE:more#\n#ENV:X=1#\n');
      await expect(world.build({ environment: {} })).rejects.toThrow(/could not be installed/);
      await clean();
      await fresh();
    }, 60_000);

    it('kill -9 at any moment: the next build makes what it would have made, edits kept', async () => {
      const tasks = new ImageTasks(world.home, {
        PATH: process.env['PATH'] ?? '',
        HOSTLER_AGENT_PROGRAM: world.at('agent'),
      });
      writeFileSync(world.tree('etc/exports'), 'by hand\n');
      for (const [round, after] of [0, 1, 2, 3, 4, 6, 8].entries()) {
        world.write('pkglist', round % 2 === 0 ? 'hello\nextra\n#INCLUDE:more#\n' : 'hello\n#INCLUDE:more#\n');
        world.write('post', world.script(`kill ${round}`), 0o755);
        const task = await tasks.build(world.image, { ...world.spec, environment: { COLOR: `c${round}` } });
        // Once so many lines were logged: each stage is cut somewhere.
        await new Promise<void>((resolve) => {
          const look = setInterval(() => {
            if (task.logs.length < after * 3 + 1 && task.child.exitCode === null) return;
            clearInterval(look);
            resolve();
          }, 5);
        });
        task.child.kill('SIGKILL');
        await task.result.catch(() => {});
        if (round % 2 === 0) await tasks.cleanUp(imageBuildKind, task);
        expect(await mountsBelow(world.dir)).toEqual([]);
        expect(loopDevicesOf(world.dir)).toEqual([]);
      }
      await world.build();
      expect(await edits()).toEqual(['./etc/exports added']);
      expect(world.shown('etc/post')).toMatch(/^kill 6/);
      const other = world.at('after-kills');
      await world.build({ rootimgdir: other }, world.at('after-kills-home'));
      expect(await world.different(other)).toEqual(['./etc/exports']);
      expect(leftovers()).toEqual([]);
      await fresh();
    }, 240_000);
  });

  describe('the cache', () => {
    it('serves two builds at once', async () => {
      await new LayerCache(world.home).clear(never);
      const [one, two] = [world.at('one'), world.at('two')];
      await Promise.all([world.build({ rootimgdir: one }), world.build({ rootimgdir: two })]);
      expect(await world.different(one, two)).toEqual([]);
      expect(await world.different(one)).toEqual([]);
    }, 60_000);

    it('can be emptied, not under a build; the next build finds the tree as it should be', async () => {
      const cache = new LayerCache(world.home);
      await cache.during(never, async () => {
        await expect(cache.clear(never)).rejects.toMatchObject({ code: 'aborted' });
      });
      expect((await cache.bytes(never)).layers).toBeGreaterThan(100_000);
      await cache.clear(never);
      expect((await cache.bytes(never)).layers).toBeLessThan(100_000);
      world.forget();
      await world.build();
      expect(world.calls()).toMatchObject({ bootstrap: 1, packages: 1, initrd: 0 });
      expect(await edits()).toEqual([]);
    }, 60_000);

    it('keeps within its limit', async () => {
      process.env[cacheBytesVariable] = '1';
      try {
        world.write('post', world.script('limit'), 0o755);
        await world.build();
      } finally {
        Reflect.deleteProperty(process.env, cacheBytesVariable);
      }
      expect(readdirSync(join(world.home, 'cache/image/layers'))).toEqual([]);
      expect(readdirSync(join(world.home, 'cache/image/results'))).toEqual([]);
      await world.build();
      expect(world.shown('etc/post')).toMatch(/^limit/);
      // As site.imagecachesize has it.
      expect(readdirSync(join(world.home, 'cache/image/layers'))).not.toEqual([]);
      world.write('post', world.script('limited by the site'), 0o755);
      await world.build({ cacheBytes: 1 });
      expect(readdirSync(join(world.home, 'cache/image/layers'))).toEqual([]);
      await world.build({ cacheBytes: 2 ** 30 });
      expect(readdirSync(join(world.home, 'cache/image/layers'))).not.toEqual([]);
    }, 60_000);

    it('a layer that a machine which went down had not written to its disk is not used', async () => {
      const layers = join(world.home, 'cache/image/layers');
      for (const id of readdirSync(layers)) writeFileSync(join(layers, id, 'boot'), 'another life');
      world.forget();
      await world.build();
      expect(world.calls()).toMatchObject({ bootstrap: 1 });
      cpSync(world.at('agent'), world.at('agent-2'));
    }, 60_000);
  });
});
