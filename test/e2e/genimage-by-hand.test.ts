// The line that genimage --dryrun prints, typed on another machine: another root that has the share folder, what the line
// names, and nothing of Hostler that runs. bound: 300 s
import { existsSync, lstatSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mountsBelow } from '../../agent/tasks/image-tree/folder.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { knownReleases, shareFamily } from '../../shared/distro/release.ts';
import { processIds } from '../../shared/process/alive.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import type { ImageManifest } from '../../shared/task/image-pack.ts';
import { inOtherRoot } from '../lab/other-root.ts';
import type { Shown } from '../lab/other-root.ts';
import { labDistribution } from '../lab/rpm-distribution.ts';
import { makeRepository } from '../lab/rpm-repository.ts';
import { type Command, type Ended, commandsFor } from '../tools/commands.ts';
import { RealManager, dist } from '../tools/real-manager.ts';

const programs = ['dnf', 'rpmbuild', 'createrepo_c', 'mksquashfs', 'unshare', 'pivot_root'];
const why = process.getuid?.() === 0 ? programs.find((program) => which(program) === undefined) : 'root';
const arch = 'x86_64';

describe.skipIf(why !== undefined)(why === undefined ? 'a build by hand' : `a build by hand (needs ${why})`, () => {
  let dir = '';
  let manager: RealManager;
  let command: Command;
  let line = '';
  const share = join(dist, 'share');
  const at = (...path: string[]): string => join(dir, ...path);
  const install = (...path: string[]): string => at('install', ...path);
  const tree = 'netboot/rocky9.4/x86_64/compute';
  const done = async (name: string, ...args: string[]): Promise<Ended> => {
    const ended = await command(name, args, { timeoutMs: 180_000 });
    if (ended.exit !== 0) throw new Error(`${name} ${args.join(' ')}: ${ended.stdout}${ended.stderr}`);
    return ended;
  };
  /** What the other machine has: a copy of the share folder where the manager has its own, and the site's files. */
  const shown = (more: Shown = {}): Shown => ({
    [share]: { folder: at('share') },
    [at('site')]: { folder: at('site') },
    ...more,
  });
  const manifestOf = async (version: string): Promise<ImageManifest> => {
    const row = JSON.parse((await done('hostler', 'image', 'show', version, '--json')).stdout) as Record<
      string,
      string
    >;
    const digest = row['image.manifest'] ?? 'none';
    const blobs = readdirSync(manager.home, { recursive: true, encoding: 'utf8' });
    const file = blobs.find((name) => name.endsWith(digest)) ?? '';
    return JSON.parse(readFileSync(join(manager.home, file), 'utf8')) as ImageManifest;
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hostler-by-hand-'));
    await mkdir(at('work'));
    await mkdir(at('site'));
    const rpms = [
      ...(await labDistribution('rocky9.4', arch, false)),
      { name: 'labapp', requires: ['lab-base'], files: { '/usr/share/labapp': { text: 'here\n' } } },
    ];
    const streams = { 'nodejs:20': ['nodejs'] };
    await makeRepository(at('site/rocky'), { rpms, streams }, at('work'));
    await rm(at('work'), { recursive: true });
    writeFileSync(at('site/pkglist'), 'labapp\n');
    const post = [
      '#!/bin/sh',
      'case " $* " in *" word "*) word=word ;; esac',
      'case $LESSON in slow) sleep 61 ;; esac',
      'echo "$LESSON $IMG_NAME $word" >"$IMG_ROOTIMGDIR/etc/lesson"',
    ];
    writeFileSync(at('site/post'), `${post.join('\n')}\n`, { mode: 0o755 });
    await cp(share, at('share'), { recursive: true, verbatimSymlinks: true });
    manager = await RealManager.start(['--agent-roles', 'build,store', '--install-dir', install()]);
    command = commandsFor(manager.env);
    await eventually(
      'the agent is connected',
      async () => (await command('hostler', ['agents'])).stdout.includes('connected'),
      { timeoutMs: 30_000 },
    );
    await done(
      'mkdef',
      ...['-t', 'osimage', 'img', 'imagetype=linux', 'osname=Linux', 'osvers=rocky9.4', `osarch=${arch}`],
      ...['profile=compute', 'provmethod=netboot', `pkglist=${at('site/pkglist')}`, `pkgdir=${at('site/rocky')}`],
      ...[`postinstall=${at('site/post')} word`, 'environvar=LESSON=one', `rootimgdir=${install(tree)}`],
    );
    line = (await done('genimage', '--dryrun', 'img')).stdout.split('\n')[1] ?? '';
  }, 120_000);
  afterAll(async () => {
    await manager.dispose();
    await rm(dir, { recursive: true, force: true });
  });

  it('every family has the program that the line calls', () => {
    for (const family of new Set(knownReleases().map(shareFamily))) {
      expect(lstatSync(join(share, 'netboot', family, 'genimage')).isSymbolicLink(), family).toBe(true);
    }
    expect(line).toMatch(new RegExp(`^cd ${share}/netboot/rocky; ./genimage -a x86_64 -o rocky9.4 -p compute `));
  });

  it('typed where /install is shared, it makes the tree in its place, and packimage takes it', async () => {
    await mkdir(install(), { recursive: true });
    const built = await inOtherRoot(at('one'), shown({ [install()]: { folder: install(), writable: true } }), line);
    expect(built.stderr).toBe('');
    expect(built.exit).toBe(0);
    expect(built.stdout).toContain('the initial ramdisk for stateless is generated successfully.');
    expect(built.stdout).toContain(`then there: packimage img`);
    const inside = (path: string): string => readFileSync(install(tree, 'rootimg', path), 'utf8');
    expect(inside('usr/share/labapp')).toBe('here\n');
    expect(inside('etc/lesson')).toBe('one img word\n');
    expect(inside('opt/hostler/hostler-agent')).toBe(readFileSync(join(dist, 'hostler-agent'), 'utf8'));
    expect(readdirSync(at('one/var/cache/hostler')).filter((name) => name.startsWith('by-hand'))).toEqual([]);
    expect(await mountsBelow(dir)).toEqual([]);
    const packed = await done('packimage', 'img');
    expect(packed.stdout).toMatch(/The image is img@[0-9a-f]{12}/);
    const manifest = await manifestOf('img');
    expect(manifest.packages.map(({ name }) => name)).toContain('labapp');
    expect(manifest.edits).toEqual([]);
  }, 120_000);

  it('genimage on the manager goes on from there: the same tree, and edits stay', async () => {
    writeFileSync(install(tree, 'rootimg/etc/motd'), 'by hand\n');
    const again = await done('genimage', 'img');
    expect(again.stdout).toMatch(/Built|up to date/);
    expect(readFileSync(install(tree, 'rootimg/etc/motd'), 'utf8')).toBe('by hand\n');
    await rm(install(tree), { recursive: true });
  }, 120_000);

  it('with another --rootimgdir, on a machine that shares nothing: the folder is brought over', async () => {
    const elsewhere = line.replace(`--rootimgdir ${install(tree)}`, '--rootimgdir /scratch/img');
    expect(elsewhere).not.toBe(line);
    const built = await inOtherRoot(at('two'), shown(), elsewhere);
    expect(built.stderr).toBe('');
    expect(built.exit).toBe(0);
    expect(existsSync(install(tree))).toBe(false);
    // As a person would: the documented habit, then over the network.
    writeFileSync(at('two/scratch/img/rootimg/etc/exports'), '/install *(ro)\n');
    await mkdir(install(tree), { recursive: true });
    await run('cp', ['-a', `${at('two/scratch/img')}/.`, install(tree)]);
    await done('packimage', 'img');
    expect((await manifestOf('img')).edits.map(({ path }) => path)).toEqual(['./etc/exports']);
  }, 120_000);

  it('stopped by Ctrl-C, it leaves neither a half tree nor a process', async () => {
    const slow = line.replace('LESSON=one', 'LESSON=slow').replace(install(tree), '/scratch/slow');
    const stopped = slow.replace('./genimage', 'timeout --preserve-status -s INT 6 ./genimage');
    const ended = await inOtherRoot(at('two'), shown(), stopped);
    expect(ended.stderr).toContain('The build was stopped (SIGINT); an earlier tree is as it was.');
    expect(ended.exit).toBe(130);
    expect(existsSync(at('two/scratch/slow/rootimg'))).toBe(false);
    expect(readdirSync(at('two/var/cache/hostler')).filter((name) => name.startsWith('by-hand'))).toEqual([]);
    const left = processIds().filter((pid) => commandOf(pid) === 'sleep 61 ');
    expect(left).toEqual([]);
  }, 60_000);

  it('says what is missing: Node.js, the rest of the share folder, a package list, a release', async () => {
    await mkdir(at('bin'));
    for (const name of ['sh', 'dirname', 'readlink']) await run('ln', ['-s', which(name) ?? '', at('bin', name)]);
    const without = await inOtherRoot(at('three'), shown({ '/only': { folder: at('bin') } }), `PATH=/only; ${line}`);
    expect(without.exit).toBe(1);
    expect(without.stderr).toBe(
      'genimage: Node.js is not installed, of which 18 or later is needed. Install the package nodejs.\n',
    );
    await mkdir(at('lists'));
    await cp(join(share, 'netboot'), at('lists/netboot'), { recursive: true, verbatimSymlinks: true });
    const part = await inOtherRoot(at('three'), { [share]: { folder: at('lists') } }, line);
    expect(part.stderr).toContain('hostler-agent is missing: copy the whole share folder of the manager.');
    const nolist = await inOtherRoot(at('three'), shown(), line.replace('site/pkglist', 'site/nosuch'));
    expect(nolist.stderr).toBe(`Error: The pkglist specified '${at('site/nosuch')}' does not exist!\n`);
    expect(nolist.exit).toBe(1);
    const profile = `cd ${share}/netboot/rocky; ./genimage -a x86_64 -o rocky9.4 -p nosuch`;
    expect((await inOtherRoot(at('three'), shown(), profile)).stderr).toContain(
      `There is no package list of the profile nosuch for rocky9.4: no nosuch.pkglist in /install/custom/netboot/rocky and ${share}/netboot/rocky`,
    );
  }, 60_000);
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
