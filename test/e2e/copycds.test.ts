// Small media of every family are made, copied, listed and read by the package managers that real ones are made for.
// bound: 180 s
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../deploy/lab/wait.ts';
import { processIds } from '../../shared/process/alive.ts';
import { run as runProgram } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import { debianMedium, elContent, leapContent, makeDeb, makeIso, slesContent, writeContent } from '../lab/media.ts';
import { type Command, commandsFor } from '../tools/commands.ts';
import { RealManager } from '../tools/real-manager.ts';
import { root } from '../tools/step.ts';

const why = which('xorriso') === undefined ? 'xorriso' : undefined;
const debianInfo = (disc: number): string =>
  `Debian GNU/Linux 12.5.0 "Bookworm" - Official amd64 DVD Binary-${String(disc)} with firmware 20240210-11:28\n`;

describe.skipIf(why !== undefined)(why === undefined ? 'copycds' : `copycds (needs ${why})`, () => {
  let dir = '';
  let manager: RealManager;
  let command: Command;
  let install = '';

  const iso = async (name: string, content: Readonly<Record<string, string>>): Promise<string> => {
    const folder = join(dir, `${name}.d`);
    await writeContent(folder, content);
    return pack(name, folder);
  };
  const pack = async (name: string, folder: string): Promise<string> => {
    await makeIso(folder, join(dir, name));
    return join(dir, name);
  };
  const copycds = (...args: string[]): ReturnType<Command> => command('copycds', args);
  const attributes = async (type: string, name: string): Promise<string> =>
    (await command('lsdef', ['-t', type, '-o', name])).stdout;
  const names = async (): Promise<string[]> =>
    (await command('lsdef', ['-t', 'osimage'])).stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  const hidden = (folder: string): string[] =>
    existsSync(folder) ? readdirSync(folder).filter((name) => name.includes('copying')) : [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hostler-media-'));
    manager = await RealManager.start([]);
    command = commandsFor(manager.env);
    install = join(manager.home, 'install');
    await eventually(
      'the agent is connected',
      async () => (await command('hostler', ['agents'])).stdout.includes('connected'),
      { timeoutMs: 30_000 },
    );
    const own = join(install, 'custom');
    await writeContent(own, {
      'netboot/rocky/compute.rocky9.x86_64.pkglist': 'bash\n',
      'netboot/rocky/compute.exlist': './boot*\n',
      'netboot/rocky/compute.postinstall*': '#!/bin/sh\n',
      'netboot/rocky/service.pkglist': 'bash\n',
      'netboot/rocky/service.otherpkgs.pkglist': 'x\n',
      'install/rocky/compute.rocky9.tmpl': 'kickstart\n',
      'install/rocky/compute.rocky8.tmpl': 'not for 9\n',
    });
  }, 60_000);
  afterAll(async () => {
    await manager.dispose();
    await rm(dir, { recursive: true, force: true });
  });

  it('tells what media are', async () => {
    const rocky = await iso('rocky.iso', elContent('Rocky Linux', '9.4'));
    const sles = await iso('sles.iso', slesContent('5'));
    const leap = await iso('leap.iso', leapContent('15.6', 'aarch64'));
    expect(await copycds('-i', rocky, sles, leap)).toEqual({
      exit: 0,
      stdout:
        `OS Image:${rocky}\nDISTNAME:rocky9.4\nARCH:x86_64\n` +
        `OS Image:${sles}\nDISTNAME:sles15.5\nARCH:x86_64\nDISCNO:1\n` +
        `OS Image:${leap}\nDISTNAME:leap15.6\nARCH:aarch64\nDISCNO:1\n`,
      stderr: expect.not.stringContaining('Error') as string,
    });
    const noise = join(dir, 'noise.iso');
    await writeFile(noise, Buffer.alloc(300_000, 7));
    const told = await copycds('--inspection', '--json', '-n', 'x9', noise, rocky);
    expect(told.exit).toBe(1);
    expect(JSON.parse(told.stdout)).toMatchObject({ distname: 'rocky9.4', arch: 'x86_64' });
    expect(told.stderr).toContain('option --inspection specified, argument specified with option --name is ignored');
    expect(told.stderr).toContain(']: copycds could not identify the ISO supplied, you may wish to try -n <osver>\n');
    expect(existsSync(join(install, 'rocky9.4'))).toBe(false);
  });

  it('copies one of Enterprise Linux and defines its images as xCAT does', async () => {
    const done = await copycds(join(dir, 'rocky.iso'));
    expect(done).toMatchObject({ exit: 0 });
    expect(done.stdout).toMatch(
      new RegExp(
        `^Copying media to ${install}/rocky9.4/x86_64\nMedia copy operation successful\n8 files, .*; 4 digests`,
      ),
    );
    const copy = join(install, 'rocky9.4/x86_64');
    expect(readFileSync(join(copy, 'images/pxeboot/vmlinuz'), 'utf8')).toBe('kernel of Rocky Linux');
    expect(hidden(join(install, 'rocky9.4'))).toEqual([]);
    expect(statSync(copy).mode & 0o777).toBe(0o755);
    for (const line of [
      'basename=rocky',
      'majorversion=9',
      'minorversion=4',
      'arch=x86_64',
      'type=Linux',
      `dirpaths=${copy}`,
    ])
      expect(await attributes('osdistro', 'rocky9.4-x86_64')).toContain(`    ${line}\n`);
    expect((await names()).filter((name) => name.startsWith('rocky'))).toEqual([
      ...['install-compute', 'install-service', 'netboot-compute', 'netboot-service'].map(
        (n) => `rocky9.4-x86_64-${n}`,
      ),
      ...['statelite-compute', 'statelite-service'].map((n) => `rocky9.4-x86_64-${n}`),
    ]);
    const own = `${install}/custom`;
    expect(await attributes('osimage', 'rocky9.4-x86_64-netboot-compute')).toBe(
      [
        'Object name: rocky9.4-x86_64-netboot-compute',
        `    exlist=${own}/netboot/rocky/compute.exlist`,
        '    imagetype=linux',
        '    osarch=x86_64',
        '    osdistroname=rocky9.4-x86_64',
        '    osname=Linux',
        '    osvers=rocky9.4',
        `    otherpkgdir=${install}/post/otherpkgs/rocky9.4/x86_64`,
        // Of lists that the site has none of, the product's own are named.
        `    otherpkglist=${root}/dist/share/netboot/rocky/compute.otherpkgs.pkglist`,
        `    pkgdir=${copy}`,
        `    pkglist=${own}/netboot/rocky/compute.rocky9.x86_64.pkglist`,
        `    postinstall=${own}/netboot/rocky/compute.postinstall`,
        '    profile=compute',
        '    provmethod=netboot',
        `    rootimgdir=${install}/netboot/rocky9.4/x86_64/compute`,
        '',
      ].join('\n'),
    );
    const installed = await attributes('osimage', 'rocky9.4-x86_64-install-compute');
    expect(installed).toContain(`    template=${own}/install/rocky/compute.rocky9.tmpl\n`);
    expect(installed).not.toContain('rootimgdir');
    expect(await attributes('osimage', 'rocky9.4-x86_64-install-service')).toContain('    postscripts=servicenode\n');
  });

  it('leaves one alone with -w, and finds every file there without it', async () => {
    const again = await copycds('-w', join(dir, 'rocky.iso'));
    expect(again).toMatchObject({ exit: 0 });
    expect(again.stdout).toContain('The disc iso has already been copied in!\n');
    const kernel = join(install, 'rocky9.4/x86_64/images/pxeboot/vmlinuz');
    await writeFile(kernel, 'damaged kernel here!!');
    const repaired = await copycds('-o', join(dir, 'rocky.iso'));
    expect(repaired.stdout).toMatch(/8 files, 0\.0 MB in \d+ s, 7 of them were there already;/);
    expect(readFileSync(kernel, 'utf8')).toBe('kernel of Rocky Linux');
    expect(hidden(join(install, 'rocky9.4'))).toEqual([]);
  });

  it('copies several at once: two discs of Debian, each a repository that apt reads', async () => {
    const discs: string[] = [];
    for (const disc of [1, 2]) {
      const folder = join(dir, `debian${String(disc)}`);
      await makeDeb(join(folder, 'pool/main'), `lab-app${String(disc)}`, disc === 2 ? { depends: 'lab-app1' } : {});
      await writeContent(folder, { 'tools/run*': '#!/bin/sh\n', 'doc/it\'s "here"/größe.txt': 'x' });
      await debianMedium(folder, { info: debianInfo(disc), codename: 'bookworm' });
      discs.push(await pack(`debian${String(disc)}.iso`, folder));
    }
    const done = await copycds(...discs);
    expect(done).toMatchObject({ exit: 0 });
    const copy = join(install, 'debian12.5.0/x86_64');
    expect(done.stdout).toContain(`Copying media to ${copy}\n`);
    expect(done.stdout).toContain(`Copying media to ${copy}/disc2\n`);
    expect(readlinkSync(join(copy, 'dists/stable'))).toBe('bookworm');
    expect(lstatSync(join(copy, 'tools/run')).mode & 0o111).toBe(0o111);
    expect(readFileSync(join(copy, 'doc/it\'s "here"/größe.txt'), 'utf8')).toBe('x');
    const image = await attributes('osimage', 'debian12.5.0-x86_64-netboot-compute');
    expect(image).toContain(`    pkgdir=${copy},${copy}/disc2\n`);
    expect(image).toMatch(/pkglist=.*\/share\/netboot\/debian\/compute\.pkglist/);
    expect((await apt([copy, `${copy}/disc2`], 'lab-app2')).match(/^Inst \S+/gm)).toEqual([
      'Inst lab-app1',
      'Inst lab-app2',
    ]);
  });

  /** What apt would install from these repositories on an empty machine. */
  async function apt(folders: readonly string[], name: string): Promise<string> {
    const home = await mkdtemp(join(dir, 'apt-'));
    for (const folder of ['lists/partial', 'cache/archives/partial', 'parts'])
      await mkdir(join(home, folder), { recursive: true });
    await writeFile(join(home, 'status'), '');
    await writeFile(
      join(home, 'sources.list'),
      folders.map((folder) => `deb [trusted=yes] file:${folder} bookworm main\n`).join(''),
    );
    const options = [
      ...[
        `Dir::Etc::SourceList=${home}/sources.list`,
        `Dir::Etc::SourceParts=${home}/parts`,
        'APT::Architecture=amd64',
      ],
      ...[`Dir::State::Lists=${home}/lists`, `Dir::Cache=${home}/cache`, `Dir::State::Status=${home}/status`],
      ...['APT::Sandbox::User=root', 'Acquire::Languages=none'],
    ].flatMap((option) => ['-o', option]);
    await runProgram('apt-get', [...options, '-q', 'update']);
    return (await runProgram('apt-get', [...options, '-q', '--simulate', 'install', name])).stdout;
  }

  it('copies those of SUSE into a folder a disc, from a folder too, and elsewhere with -p', async () => {
    const sles = await copycds(join(dir, 'sles.iso'));
    expect(sles.stdout).toContain(`Copying media to ${install}/sles15.5/x86_64/1\n`);
    expect(existsSync(join(install, 'sles15.5/x86_64/1/Module-Basesystem/repodata/repomd.xml'))).toBe(true);
    expect(await attributes('osdistro', 'sles15.5-x86_64')).toContain(`dirpaths=${install}/sles15.5/x86_64\n`);
    const elsewhere = join(dir, 'elsewhere');
    const leap = await copycds('-p', elsewhere, join(dir, 'leap.iso.d'));
    expect(leap).toMatchObject({ exit: 0 });
    expect(leap.stderr).toContain(`the specified path "${elsewhere}" is not a subdirectory under ${install}`);
    expect(existsSync(join(elsewhere, '1/repodata/repomd.xml'))).toBe(true);
    expect(await attributes('osdistro', 'leap15.6-aarch64')).toContain(`dirpaths=${elsewhere}\n`);
  });

  it('takes what is not recognised by -n and -a', async () => {
    const bare = await iso('bare.iso', { 'repodata/repomd.xml': '<repomd/>' });
    expect((await copycds('-n', 'centos7.6', bare)).stderr).toContain(
      ']: copycds could not identify the ARCH, you may wish to try -a <arch>.\n',
    );
    expect((await copycds('-n', 'centos7.6', '-a', 'ppc64le', '-o', bare)).stdout).toContain(
      `Copying media to ${install}/centos7.6/ppc64le\nMedia copy operation successful\n`,
    );
    expect(await names()).not.toContain('centos7.6-ppc64le-install-compute');
    expect((await copycds('-a', 'ppc64le', join(dir, 'rocky.iso'))).stderr).toContain(
      ']: Requested distribution architecture ppc64le, but media is x86_64\n',
    );
  });

  it('copies nothing when one of several is not there', async () => {
    const missing = await copycds(join(dir, 'nosuch.iso'), join(dir, 'rocky.iso'));
    expect(missing).toMatchObject({ exit: 1, stdout: '' });
    expect(missing.stderr).toContain(
      `]: The management server was unable to find/read ${dir}/nosuch.iso. Ensure that file exists on the server at the specified location.\n`,
    );
  });

  describe('a bad day', () => {
    const big = 'zeros of a medium\n'.repeat(400_000);

    it('a damaged medium, or one that is cut short, leaves nothing that looks done', async () => {
      const path = await iso('damaged.iso', elContent('Rocky Linux', '9.1'));
      const at = readFileSync(path).indexOf('kernel of Rocky');
      const handle = await open(path, 'r+');
      await handle.write('K', at);
      await handle.close();
      const damaged = await copycds(path);
      expect(damaged).toMatchObject({ exit: 1 });
      expect(damaged.stderr).toMatch(/Media copy operation failed, status 1\n/);
      expect(damaged.stderr).toContain('The medium is damaged: the sha256 of images/pxeboot/vmlinuz is');
      expect(existsSync(join(install, 'rocky9.1/x86_64'))).toBe(false);
      expect(await attributes('osdistro', 'rocky9.1-x86_64')).not.toContain('Object name');
      await runProgram('truncate', ['--size=100000', join(dir, 'rocky.iso')]);
      expect((await copycds(join(dir, 'rocky.iso'))).stderr).toContain(
        'is not complete: its table of contents tells of',
      );
    });

    it('links and names that lead out of it lead nowhere', async () => {
      const folder = join(dir, 'hostile.d');
      await writeContent(folder, {
        ...elContent('Rocky Linux', '9.0'),
        passwd: '-> /etc/passwd',
        up: '-> ../../../..',
      });
      await runProgram('mkfifo', [join(folder, 'pipe')]);
      const done = await copycds(await pack('hostile.iso', folder));
      expect(done).toMatchObject({ exit: 0 });
      expect(done.stderr).toContain('The link passwd was left out: /etc/passwd is outside of the medium.\n');
      expect(done.stderr).toContain('The link up was left out');
      expect(readdirSync(join(install, 'rocky9.0/x86_64'))).not.toContain('passwd');
      expect(await copycds('-n', '../../etc', join(dir, 'hostile.iso'))).toMatchObject({ exit: 1, stdout: '' });
      const system = await copycds('-p', '/usr/lib', join(dir, 'hostile.iso'));
      expect(system.stderr).toContain('The folder "/usr/lib" cannot be used: it is a folder of the system.');
    });

    it.skipIf(process.getuid?.() !== 0)('a full disk is told, with what to do (needs root)', async () => {
      const small = join(dir, 'small');
      const path = await iso('big.iso', { ...elContent('Rocky Linux', '8.9'), big, other: `${big}.` });
      await mkdir(small);
      await runProgram('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'small', small]);
      try {
        const full = await copycds('-p', join(small, 'rocky'), path);
        expect(full).toMatchObject({ exit: 1 });
        expect(full.stderr).toMatch(/No room for \d+ MiB in .*small/);
        expect(existsSync(join(small, 'rocky'))).toBe(false);
      } finally {
        await runProgram('umount', [small]);
      }
    });

    it('a task that is killed half-way is hidden, and taken up again', async () => {
      const folder = join(dir, 'many.d');
      const many = Object.fromEntries(
        Array.from({ length: 40 }, (_, at) => [`Packages/p${String(at)}.rpm`, `${big}${String(at)}`]),
      );
      await writeContent(folder, { ...elContent('Rocky Linux', '8.8'), ...many });
      const path = await pack('many.iso', folder);
      const release = join(install, 'rocky8.8');
      const first = copycds(path);
      await eventually(
        'some files are copied',
        () => hidden(release).some((name) => existsSync(join(release, name, 'Packages/p3.rpm'))),
        {
          timeoutMs: 30_000,
          everyMs: 5,
        },
      );
      const tasks = processIds().filter((pid) => isTask(pid, join(manager.home, 'agent/spool')));
      expect(tasks).not.toEqual([]);
      for (const pid of tasks) process.kill(pid, 'SIGKILL');
      expect(await first).toMatchObject({ exit: 1 });
      expect(existsSync(join(release, 'x86_64'))).toBe(false);
      const second = await copycds(path);
      expect(second).toMatchObject({ exit: 0 });
      expect(Number(/, (\d+) of them were there already/.exec(second.stdout)?.[1])).toBeGreaterThan(2);
      expect(statSync(join(release, 'x86_64/Packages/p39.rpm')).size).toBe(big.length + 2);
      expect(hidden(release)).toEqual([]);
    });
  });
});

function isTask(pid: number, spool: string): boolean {
  try {
    return readFileSync(`/proc/${String(pid)}/environ`, 'utf8').includes(`=${spool}/`);
  } catch {
    return false;
  }
}
