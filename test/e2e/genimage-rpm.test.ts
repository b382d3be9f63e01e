// Images of RPMs, with repositories made here: dnf, zypper, and one of them booted. bound: 600 s, with virtual machines
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serviceNodeRoles } from '../../shared/identity/names.ts';
import { mountsBelow } from '../../agent/tasks/image-tree/folder.ts';
import { createNetwork } from '../../deploy/lab/network.ts';
import { startVm } from '../../deploy/lab/vm.ts';
import type { Vm } from '../../deploy/lab/vm.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import type { ImageBuildSpec } from '../../shared/task/image-build.ts';
import { BootHost } from '../lab/boot-host-client.ts';
import { bootSpecOf } from '../lab/boot-spec.ts';
import { contentsOf } from '../lab/image-contents.ts';
import { ImageTasks } from '../lab/image-tasks.ts';
import type { RunningTask } from '../lab/image-tasks.ts';
import { createTestAuthority } from '../lab/pki.ts';
import { applications, otherApplications } from '../lab/rpm-applications.ts';
import { labDistribution } from '../lab/rpm-distribution.ts';
import { makeRepository } from '../lab/rpm-repository.ts';
import type { LabRpm } from '../lab/rpm-repository.ts';

const programs = ['dnf', 'zypper', 'rpmbuild', 'createrepo_c', 'modifyrepo_c', 'rpmdb'];
const why = process.getuid?.() === 0 ? programs.find((program) => which(program) === undefined) : 'root';

describe.skipIf(why !== undefined)(why === undefined ? 'images of RPMs' : `images of RPMs (needs ${why})`, () => {
  let dir = '';
  let tasks: ImageTasks;
  const at = (...path: string[]): string => join(dir, ...path);
  const list = async (name: string, ...lines: string[]): Promise<string> => {
    await writeFile(at(name), `${lines.join('\n')}\n`);
    return at(name);
  };
  const media: Record<string, string[]> = {};

  /** A build of `osvers` with what its medium has. */
  const build = async (
    osvers: string,
    folder: string,
    spec: Partial<ImageBuildSpec>,
  ): ReturnType<ImageTasks['build']> => tasks.build(at(folder), { osvers, pkgdir: media[osvers] ?? [], ...spec });
  const calls = (task: RunningTask<unknown>, program: string): string[] =>
    task.logs.filter((line) => line.startsWith(`${program} -`));
  const inTree = (folder: string, path: string): Promise<string> => readFile(at(folder, 'rootimg', path), 'utf8');
  const packages = async (folder: string, database: string): Promise<string[]> => {
    // On a copy: rpm writes beside a database that it reads.
    await cp(at(folder, 'rootimg', database), at('rpmdb'), { recursive: true });
    const { stdout } = await run('rpm', ['--dbpath', at('rpmdb'), '-qa', '--qf', '%{NAME}-%{VERSION}\n']);
    await rm(at('rpmdb'), { recursive: true });
    return stdout.trim().split('\n').sort();
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hostler-rpm-'));
    const agent = at('agent');
    await writeFile(
      agent,
      'console.log("agent of the image:", require("fs").readFileSync("/run/hostler/boot.json", "utf8"));\n',
    );
    tasks = new ImageTasks(at('home'), { HOSTLER_AGENT_PROGRAM: agent });
    const work = at('work');
    await mkdir(work);
    const rocky = await labDistribution('rocky9.4', 'x86_64', true);
    const node = rocky.filter((rpm) => rpm.name === 'nodejs');
    await makeRepository(at('rocky/BaseOS'), { rpms: rocky.filter((rpm) => rpm.name !== 'nodejs') }, work);
    await makeRepository(
      at('rocky/AppStream'),
      {
        rpms: [...applications, ...node],
        groups: { lab_tools: ['labmember', 'labunwanted'] },
        streams: { 'nodejs:20': ['nodejs'] },
      },
      work,
    );
    await makeRepository(
      at('leap'),
      { rpms: [...(await labDistribution('leap15.5', 'x86_64', false)), ...applications] },
      work,
    );
    // Copied together by hand, no metadata.
    await makeRepository(at('other/tools'), { rpms: otherApplications, bare: true }, work);
    await rm(work, { recursive: true });
    media['rocky9.4'] = [at('rocky')];
    media['leap15.5'] = [at('leap')];
    await list(
      'pkglist',
      '# what the test needs',
      'labapp',
      '#NEW_INSTALL_LIST#',
      '#ENV:LESSON=two#',
      'lablate, labshort',
      '--labshort',
    );
    await list('groups', '@lab_tools', '-labunwanted', '#INCLUDE:pkglist#');
    await list('other.pkglist', 'tools/labtool');
  }, 240_000);
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  describe('dnf', () => {
    const spec = (): Partial<ImageBuildSpec> => ({
      pkglist: [at('groups')],
      otherpkgdir: [at('other')],
      otherpkglist: [at('other.pkglist')],
      environment: { SITE: 'lab' },
    });
    let first: Awaited<ReturnType<typeof build>>;
    beforeAll(async () => {
      first = await build('rocky9.4', 'rocky-image', spec());
      await first.result;
    }, 120_000);

    it('installs groups, passes and packages from elsewhere, and takes out what is not wanted', async () => {
      const { kernelver } = await first.result;
      expect(await packages('rocky-image', 'var/lib/rpm')).toEqual(
        [
          ...['NetworkManager-1.0', 'ca-certificates-1.0', 'dbus-1.0', 'iproute-1.0', 'kernel-6.1.0', 'kmod-1.0'],
          ...['lab-base-1.0', 'labapp-2.5', 'labdep-1.0', 'lablate-1.0', 'labmember-1.0', 'labtool-1.0'],
          ...['nodejs-20.1.0', 'systemd-1.0', 'systemd-udev-1.0', 'util-linux-1.0'],
        ].sort(),
      );
      expect(await inTree('rocky-image', 'usr/share/labapp/version')).toBe('2.5\n');
      expect(await inTree('rocky-image', 'usr/share/lablate')).toBe('LESSON=two\n');
      expect(await inTree('rocky-image', 'etc/dnf/modules.d/nodejs.module')).toContain('stream=20');
      expect(existsSync(at('rocky-image/rootimg/boot', `vmlinuz-${kernelver}`))).toBe(true);
      expect(existsSync(at('rocky-image/kernel'))).toBe(true);
      expect(await inTree('rocky-image', `lib/modules/${kernelver}/modules.dep`)).toContain('virtio_net');
    });

    it('lists in manifest and bill of materials exactly what the database of packages has', async () => {
      const { manifest, bom, rpm } = await contentsOf(tasks, at('rocky-image'), 'var/lib/rpm');
      expect(rpm).toContain('labapp 1:2.5-1 x86_64');
      expect(rpm.length).toBeGreaterThan(10);
      expect(manifest).toEqual(rpm);
      expect(bom).toEqual(rpm);
    });

    it('leaves no trace of the build, no mount', async () => {
      for (const gone of [
        'var/cache/dnf',
        'var/lib/dnf',
        'var/log/dnf.log',
        'etc/kernel',
        'proc/self',
        'etc/yum.repos.d',
      ]) {
        expect(existsSync(at('rocky-image/rootimg', gone)), gone).toBe(false);
      }
      expect(readdirSync(at('rocky-image/rootimg/var/lib/rpm'))).toEqual(['rpmdb.sqlite']);
      expect(await mountsBelow(dir)).toEqual([]);
    });

    it('asks nothing of dnf when nothing changed', async () => {
      const again = await build('rocky9.4', 'rocky-image', spec());
      const { stages } = await again.result;
      expect(stages.filter((stage) => !stage.cached).map((stage) => stage.name)).toEqual([]);
      expect(calls(again, 'dnf')).toEqual([]);
    });

    it('adds one package with one call, and the same tree comes of it as from nothing', async () => {
      const single: Partial<ImageBuildSpec> = {
        pkglist: [await list('single', 'labapp')],
        environment: { SITE: 'lab' },
      };
      await (
        await build('rocky9.4', 'grown', single)
      ).result;
      const more = { ...single, pkglist: [await list('single', 'labapp', 'labmore')] };
      const grown = await build('rocky9.4', 'grown', more);
      await grown.result;
      const added = calls(grown, 'dnf').map((line) => line.replace(/.* -- /, ''));
      expect(added.at(-1)).toBe('labmore-0:1.0-1.x86_64');
      expect(await inTree('grown', 'usr/share/labapp/post')).toBe('x86_64 1 LESSON= SITE=lab /dev/null\n/proc/self\n');
      const fresh = new ImageTasks(at('home2'), { HOSTLER_AGENT_PROGRAM: at('agent') });
      await (
        await fresh.build(at('fresh'), { osvers: 'rocky9.4', pkgdir: media['rocky9.4'] ?? [], ...more })
      ).result;
      for (const path of ['var/lib/rpm/rpmdb.sqlite', 'usr/share/labmore']) {
        expect(
          (await readFile(at('grown/rootimg', path))).equals(await readFile(at('fresh/rootimg', path))),
          path,
        ).toBe(true);
      }
    });

    it('gives every attribute its effect', async () => {
      const { kernelver } = await first.result;
      const other: LabRpm = { name: 'labkern', files: { '/usr/share/labkern': { text: 'beside the kernels\n' } } };
      const module = at('rocky-image/rootimg/lib/modules', kernelver, 'kernel/drivers/net/net_failover.ko');
      const driver = (name: string, version: string): LabRpm => ({
        name,
        files: { [`/usr/lib/modules/${version}/extra/${name}.ko`]: { copy: module } },
      });
      await mkdir(at('work'));
      await makeRepository(at('kernels'), { rpms: [other], bare: true }, at('work'));
      await makeRepository(
        at('drivers'),
        { rpms: [driver('labfits', kernelver), driver('labother', '3.10')], bare: true },
        at('work'),
      );
      await rm(at('work'), { recursive: true });
      const attributes: Partial<ImageBuildSpec> = {
        pkglist: [await list('attributes.pkglist', 'labkern')],
        otherpkglist: [await list('service.pkglist', 'xcat/xcat-core/xCATsn')],
        kerneldir: at('kernels'),
        driverupdatesrc: ['labfits', 'labother'].map((name) => `rpm:${at('drivers', `${name}-1.0-1.x86_64.rpm`)}`),
        ...{
          netdrivers: ['allupdate'],
          permission: '700',
          interfaces: ['eth0', 'ib0'],
          rootlimit: '2g',
          tmplimit: '512m',
        },
      };
      const task = await build('rocky9.4', 'attributes', attributes);
      await task.result;
      const inside = (path: string): Promise<string> => inTree('attributes', path);
      expect(await inside('usr/share/labkern')).toBe('beside the kernels\n');
      expect((await stat(at('attributes/rootimg/.statelite'))).mode & 0o777).toBe(0o700);
      expect(await inside('etc/NetworkManager/system-connections/ib0.nmconnection')).toContain('interface-name=ib0');
      expect(await inside('etc/systemd/system/tmp.mount')).toContain('size=512m');
      expect(JSON.parse(await inside('opt/hostler/agent.json'))).toEqual({
        mode: 'stay',
        roles: [...serviceNodeRoles],
      });
      expect(readdirSync(at('attributes/rootimg/lib/modules', kernelver, 'updates'))).toEqual(['labfits.ko']);
      expect(task.logs.join('\n')).toContain('labother.ko of rpm:');
      const inInitrd = async (): Promise<string> => {
        const archive = at('attributes/initrd-stateless.zst');
        await run('sh', ['-c', 'zstd -dc "$1" | cpio -i --to-stdout --quiet etc/rootsize', 'sh', archive]).then(
          ({ stdout }) => expect(stdout).toBe('2g\n'),
        );
        return (await run('sh', ['-c', 'zstd -dc "$1" | cpio -t --quiet', 'sh', archive])).stdout;
      };
      expect(await inInitrd()).toContain(`lib/modules/${kernelver}/updates/labfits.ko`);
      const all = await build('rocky9.4', 'attributes', { ...attributes, ignorekernelchk: true });
      await all.result;
      expect(readdirSync(at('attributes/rootimg/lib/modules', kernelver, 'updates'))).toEqual([
        'labfits.ko',
        'labother.ko',
      ]);
    });

    it('keeps versions with --noupdate', async () => {
      await (
        await build('rocky9.4', 'noupdate', { ...spec(), noupdate: true })
      ).result;
      expect(await inTree('noupdate', 'usr/share/labapp/version')).toBe('2.0\n');
      expect(await inTree('noupdate', 'usr/share/labtool')).toBe('from elsewhere\n');
    });
  });

  describe('a node', () => {
    it.skipIf(which('qemu-system-x86_64') === undefined || which('dnsmasq') === undefined)(
      'boots an image of RPMs up to its agent (needs QEMU and dnsmasq)',
      async () => {
        const image = at('rocky-image');
        const packed = await (
          await tasks.pack(image, { info: { osvers: 'rocky9.4', arch: 'x86_64', profile: 'compute' } })
        ).result;
        const network = await createNetwork({ name: 'rpm-test', taps: 1 });
        const authority = await createTestAuthority();
        const identity = await authority.issue('boot1', { roles: ['boot', 'store'] });
        const host = await BootHost.start(network, tasks.home, 'boot1', identity);
        let vm: Vm | undefined;
        try {
          await host.apply(bootSpecOf(network, authority.fingerprint, packed));
          vm = await startVm({
            ...{ name: 'node', network, tap: 0, dir: at('vm'), firmware: 'bios', accel: 'tcg', memoryMiB: 1024 },
          });
          const { over } = vm;
          await vm.console.waitFor(/init of the image: ID=lab rocky9\.4/, { timeoutMs: 240_000, over });
          const said = await vm.console.waitFor(/agent of the image: (\{.*\})/, { timeoutMs: 120_000, over });
          expect(JSON.parse(said[1] ?? '')).toMatchObject({ digest: packed.root.digest, mac: vm.mac });
        } finally {
          await vm?.stop();
          await host.stop();
          await network.remove();
        }
      },
      400_000,
    );
  });

  describe('zypper', () => {
    it('installs patterns, passes and packages from elsewhere, and takes out what is not wanted', async () => {
      const task = await build('leap15.5', 'leap-image', {
        pkglist: [at('groups')],
        otherpkgdir: [at('other')],
        otherpkglist: [at('other.pkglist')],
        environment: { SITE: 'lab' },
      });
      await task.result;
      const found = await packages('leap-image', 'usr/lib/sysimage/rpm');
      expect(found).toEqual(expect.arrayContaining(['labapp-2.5', 'labmember-1.0', 'lablate-1.0', 'labtool-1.0']));
      expect(found.some((name) => name.startsWith('labshort') || name.startsWith('labunwanted'))).toBe(false);
      expect(await inTree('leap-image', 'usr/share/lablate')).toBe('LESSON=two\n');
      for (const gone of ['var/cache/zypp', 'var/log/zypp', 'etc/zypp/locks']) {
        expect(existsSync(at('leap-image/rootimg', gone)), gone).toBe(false);
      }
      const { manifest, bom, rpm } = await contentsOf(tasks, at('leap-image'), 'usr/lib/sysimage/rpm');
      expect(rpm).toContain('labapp 1:2.5-1 x86_64');
      expect([manifest, bom]).toEqual([rpm, rpm]);
      const again = await build('leap15.5', 'leap-image', {
        pkglist: [at('groups')],
        otherpkgdir: [at('other')],
        otherpkglist: [at('other.pkglist')],
        environment: { SITE: 'lab' },
      });
      expect((await again.result).stages.filter((stage) => !stage.cached)).toEqual([]);
      expect(calls(again, 'zypper')).toEqual([]);
    });
  });

  describe('a bad day', () => {
    it.each(['rocky9.4', 'leap15.5'])(
      'of %s: unknown names are told, a failing script speaks first',
      async (osvers) => {
        const bad = async (name: string, ...lines: string[]): Promise<unknown> =>
          (await build(osvers, 'bad', { pkglist: [await list(name, ...lines)] })).result;
        await expect(bad('unknown', 'labapp', 'no-such-package')).rejects.toThrow(
          'The package no-such-package does not exist',
        );
        await expect(bad('nogroup', '@no-such-group')).rejects.toThrow('package group @no-such-group does not exist');
        await expect(bad('wrong', 'labwrong')).rejects.toThrow(
          /cannot be installed together.*\n(?:.*\n)*.*nothing-has-this/,
        );
        await expect(bad('broken', 'labbroken')).rejects.toThrow(/labbroken has no licence/);
        expect(existsSync(at('bad/rootimg'))).toBe(false);
        expect(await mountsBelow(dir)).toEqual([]);
      },
    );

    it.each([
      ['rocky9.4', 'rocky', ['BaseOS', 'AppStream'], 'etc/yum.repos.d'],
      ['leap15.5', 'leap', [''], 'etc/zypp/repos.d'],
    ])('a repository of %s at an address, and gone half-way', async (osvers, folder, parts, repositories) => {
      let gone = '';
      const server = createServer((request, response) => {
        const file = at(folder, decodeURIComponent(request.url ?? ''));
        if (file.endsWith(gone === '' ? '\0' : gone) || !existsSync(file)) response.writeHead(404).end();
        else createReadStream(file).pipe(response);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        const { port } = server.address() as AddressInfo;
        const pkgdir = parts.map((part) => `http://127.0.0.1:${port}/${part}`);
        const image = `${folder}-remote`;
        const made = async (...names: string[]): Promise<unknown> =>
          (await build(osvers, image, { pkgdir, pkglist: [await list(`${image}.pkglist`, ...names)] })).result;
        await made('labapp');
        expect(await inTree(image, `${repositories}/hostler.repo`)).toContain(`baseurl=http://127.0.0.1:${port}`);
        gone = '.rpm';
        await expect(made('labapp', 'labmore')).rejects.toMatchObject({ code: 'unavailable' });
        expect(await inTree(image, 'usr/share/labapp/version')).toBe('2.0\n');
        await made('labapp');
      } finally {
        await new Promise((resolve) => {
          server.close(resolve);
          server.closeAllConnections();
        });
      }
      expect(await mountsBelow(dir)).toEqual([]);
    });

    it('a medium that is none, and two folders for other packages', async () => {
      await mkdir(at('empty'));
      const pkglist = [at('pkglist')];
      const refused = async (spec: Partial<ImageBuildSpec>): Promise<unknown> =>
        (await build('rocky9.4', 'bad', { pkglist, ...spec })).result;
      await expect(refused({ pkgdir: [at('empty')] })).rejects.toThrow(
        `The repository for ${at('empty')} should be created before running the genimge. Try to run [createrepo ${at('empty')}].`,
      );
      await expect(refused({ pkgdir: [at('nosuch')] })).rejects.toThrow(
        `Need ${at('nosuch')}/ available from a system that has ran copycds on rocky9.4 x86_64 or correct web repo`,
      );
      await expect(
        refused({ otherpkgdir: [at('other'), at('empty')], otherpkglist: [at('other.pkglist')] }),
      ).rejects.toThrow('genimage: at most only 1 local dir in otherpkgdir is supported.');
      await chmod(at('empty'), 0o755);
    });
  });
});
