// Images are built, packed and booted for real: mmdebstrap, mksquashfs, QEMU. bound: 900 s, with virtual machines
// One file, however long: all of it is about the one image of its beginning, which takes a minute to build.
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobStore } from '../../agent/store/blobs.ts';
import { handEdits } from '../../agent/tasks/image-tree/edits.ts';
import { mountsBelow } from '../../agent/tasks/image-tree/folder.ts';
import { installedPackages } from '../../agent/tasks/image-tree/packages.ts';
import { createNetwork } from '../../deploy/lab/network.ts';
import { startVm, type Vm } from '../../deploy/lab/vm.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import { imageBuildKind, type ImageBuildResult } from '../../shared/task/image-build.ts';
import { imagePackKind } from '../../shared/task/image-pack.ts';
import { BootHost } from '../lab/boot-host-client.ts';
import { bootSpecOf } from '../lab/boot-spec.ts';
import { ImageTasks, type RunningTask } from '../lab/image-tasks.ts';
import { loopDevicesOf } from '../lab/loop-devices.ts';
import { createTestAuthority } from '../lab/pki.ts';

const why =
  process.getuid?.() === 0
    ? ['mmdebstrap', 'mksquashfs', 'zstd'].find((program) => which(program) === undefined)
    : 'root';

describe.skipIf(why !== undefined)(why === undefined ? 'images' : `images (needs ${why})`, () => {
  let dir = '';
  let image = '';
  let tasks: ImageTasks;
  let first: RunningTask<ImageBuildResult>;

  const file = async (name: string, text: string, mode = 0o644): Promise<string> => {
    const path = join(dir, name);
    await writeFile(path, text);
    await chmod(path, mode);
    return path;
  };
  const script = (name: string, ...lines: string[]): Promise<string> =>
    file(name, `${['#!/bin/sh', ...lines].join('\n')}\n`, 0o755);
  const inTree = (path: string): string => join(image, 'rootimg', path);
  const leftovers = (folder: string): string[] =>
    readdirSync(folder).filter((name) => /^rootimg\.(?!sfs$|cpio|tar)|\.new-|\.plain$/.test(name));
  const build = (spec: Parameters<ImageTasks['build']>[1] = {}, folder = image): ReturnType<ImageTasks['build']> =>
    tasks.build(folder, { pkglist: [join(dir, 'pkglist')], postinstall: [`${join(dir, 'post')} one two`], ...spec });

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hostler-image-'));
    image = join(dir, 'image');
    const agent = await file(
      'agent',
      'console.log("agent of the image:", require("fs").readFileSync("/run/hostler/boot.json", "utf8"));\n',
    );
    tasks = new ImageTasks(join(dir, 'home'), { HOSTLER_AGENT_PROGRAM: agent });
    await file('pkglist', '# what the test needs\niputils-ping\n#INCLUDE:more.pkglist#\n');
    await file('more.pkglist', 'less\n');
    await script(
      'post',
      'mkdir -p "$1/opt/hostler/report.d"',
      'env | grep ^IMG_ >"$1/opt/hostler/report.d/env"',
      'echo "$*" >"$1/opt/hostler/report.d/args"',
    );
    first = await build();
    await first.result;
  }, 600_000);
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  describe('genimage', () => {
    it('makes a tree that belongs to no machine, a kernel and an initrd, and says how it went', async () => {
      const { kernelver, packages, stages } = await first.result;
      expect(stages.map((stage) => [stage.name, stage.cached])).toEqual([
        ['bootstrap', false],
        ['packages', false],
        ['files', false],
        ['postinstall', false],
        ['agent', false],
        ['tree', false],
        ['initrd', false],
      ]);
      const installed = await installedPackages(inTree(''));
      expect(packages).toBe(installed.length);
      expect(installed.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['iputils-ping', 'less', 'nodejs', `linux-image-${kernelver}`]),
      );
      expect(first.stages.some((line) => /^packages: setting up nodejs$/.test(line))).toBe(true);
      for (const gone of [
        'etc/hostname',
        'etc/apt/apt.conf.d/00hostler-build',
        'etc/apt/apt.conf.d/99mmdebstrap',
        `boot/initrd.img-${kernelver}`,
      ]) {
        expect(existsSync(inTree(gone)), gone).toBe(false);
      }
      expect(readdirSync(inTree('var/lib/apt/lists'))).toEqual([]);
      expect(await readFile(inTree('etc/machine-id'), 'utf8')).toBe('');
      expect(await readFile(inTree('opt/hostler/agent.json'), 'utf8')).toBe('{"mode":"once"}\n');
      expect(await readlink(inTree('etc/systemd/system/multi-user.target.wants/hostler-agent.service'))).toContain(
        'hostler-agent.service',
      );
      expect((await readFile(join(image, 'kernel'))).equals(await readFile(inTree(`boot/vmlinuz-${kernelver}`)))).toBe(
        true,
      );
      expect(leftovers(image)).toEqual([]);
      expect(await mountsBelow(dir)).toEqual([]);
    });

    it('runs postinstall with the arguments and the environment of xCAT', async () => {
      const { kernelver } = await first.result;
      const [root, ...rest] = (await readFile(inTree('opt/hostler/report.d/args'), 'utf8')).trim().split(' ');
      expect(root).toMatch(new RegExp(`^${image}/rootimg`));
      expect(rest).toEqual(['debian12', 'x86_64', 'compute', 'one', 'two']);
      const env = await readFile(inTree('opt/hostler/report.d/env'), 'utf8');
      for (const line of [
        'IMG_NAME=img',
        'IMG_ARCH=x86_64',
        'IMG_OSVER=debian12',
        `IMG_KERNELVERSION=${kernelver}`,
        'IMG_PROFILE=compute',
        `IMG_PKGLIST=${dir}/pkglist`,
        `IMG_ROOTIMGDIR=${root ?? ''}`,
      ]) {
        expect(env.split('\n')).toContain(line);
      }
    });

    it('puts every network driver of the kernel into the initrd, and nothing that was run', async () => {
      const list = join(dir, 'list');
      await run('sh', ['-c', 'zstd -dc "$1" | cpio -t --quiet >"$2"', 'sh', join(image, 'initrd-stateless.zst'), list]);
      const names = (await readFile(list, 'utf8')).split('\n');
      const modules = names.filter((name) => name.endsWith('.ko')).map((name) => name.replace(/.*\//, ''));
      for (const wanted of [
        'e1000e.ko',
        'igb.ko',
        'ixgbe.ko',
        'bnx2x.ko',
        'mlx5_core.ko',
        'tg3.ko',
        'virtio_net.ko',
        'squashfs.ko',
        'overlay.ko',
        'loop.ko',
      ]) {
        expect(modules, wanted).toContain(wanted);
      }
      expect(names).toEqual(expect.arrayContaining(['init', 'bin/busybox', 'etc/dhcp.sh', 'dev/console']));
    });

    it('leaves the tree alone when nothing changed, edits included', async () => {
      await writeFile(inTree('etc/motd'), 'edited by hand\n');
      const { stages } = await (await build()).result;
      expect(stages.filter((stage) => !stage.cached)).toEqual([]);
      expect(await readFile(inTree('etc/motd'), 'utf8')).toBe('edited by hand\n');
      expect(await handEdits(image, new AbortController().signal)).toEqual([
        { path: './etc/motd', change: 'changed', what: ['content'] },
      ]);
    });

    it('installs one more package on top of the others', async () => {
      const pkglist = [join(dir, 'pkglist'), await file('one-more', 'tree\n')];
      const task = await build({ pkglist });
      const { packages } = await task.result;
      expect(packages).toBe((await first.result).packages + 1);
      expect(task.logs.join('\n')).toMatch(/packages: 1 packages on top of the \d+ of an earlier build/);
      expect(task.logs.filter((line) => line.startsWith('Setting up '))).toEqual([
        expect.stringMatching(/^Setting up tree /) as string,
      ]);
      expect(existsSync(inTree('usr/bin/tree'))).toBe(true);
      expect(existsSync(inTree('usr/sbin/policy-rc.d'))).toBe(false);
      expect(await readFile(inTree('etc/motd'), 'utf8')).toBe('edited by hand\n');
      expect(await mountsBelow(dir)).toEqual([]);
    });

    it('installs packages from elsewhere, pass by pass; one whose script fails is heard first', async () => {
      const other = join(dir, 'other');
      await deb(other, 'lab-one', 'echo "$LESSON" >/opt/one');
      await deb(join(other, 'sub'), 'lab-two', 'echo "$LESSON" >/opt/two');
      const otherpkglist = [
        await file('other-list', '#ENV:LESSON=two#\nlab-one\n#NEW_INSTALL_LIST#\n#ENV:LESSON=three#\nsub/lab-two\n'),
      ];
      const task = await build({ otherpkgdir: [other], otherpkglist });
      const { stages } = await task.result;
      expect(stages.filter((stage) => stage.cached).map((stage) => stage.name)).toEqual([
        'bootstrap',
        'packages',
        'initrd',
      ]);
      expect(await readFile(inTree('opt/one'), 'utf8')).toBe('two\n');
      expect(await readFile(inTree('opt/two'), 'utf8')).toBe('three\n');
      await deb(other, 'lab-bad', 'echo my own words; exit 3');
      await file('other-list', 'lab-bad\n');
      await expect((await build({ otherpkgdir: [other], otherpkglist })).result).rejects.toThrow(
        /could not be installed:\nmy own words\ndpkg: error processing package lab-bad/,
      );
      expect(await readFile(inTree('opt/one'), 'utf8')).toBe('two\n');
      expect(await mountsBelow(dir)).toEqual([]);
    });

    it('begins with the kept packages when only a script changed', async () => {
      const post = await script('post2', 'echo second >"$1/etc/second"');
      const { stages } = await (await build({ postinstall: [post] })).result;
      expect(stages.filter((stage) => stage.cached).map((stage) => stage.name)).toEqual([
        'bootstrap',
        'packages',
        'files',
        'initrd',
      ]);
      expect(await readFile(inTree('etc/second'), 'utf8')).toBe('second\n');
      expect(existsSync(inTree('opt/hostler/report.d'))).toBe(false);
      expect(await readFile(inTree('etc/motd'), 'utf8')).toBe('edited by hand\n');
      expect(leftovers(image)).toEqual([]);
    });

    it('makes the initrd alone, and needs a tree for that', async () => {
      const task = await build({ onlyinitrd: true, netdrivers: ['nosuchdriver'] });
      expect((await task.result).stages.map((stage) => stage.name)).toEqual(['initrd']);
      expect(task.logs.join('\n')).toContain('netdrivers names nosuchdriver');
      const other = join(dir, 'other');
      await expect((await build({ onlyinitrd: true }, other)).result).rejects.toThrow(
        `the root image directory "${other}/rootimg"does not exist, please run "genimage img" to generate the root image directory first!`,
      );
    });
  });

  describe('a bad day of genimage', () => {
    const intact = async (): Promise<void> => {
      expect(await readFile(inTree('etc/second'), 'utf8')).toBe('second\n');
      expect(leftovers(image)).toEqual([]);
      expect(await mountsBelow(dir)).toEqual([]);
      expect(loopDevicesOf(dir)).toEqual([]);
    };

    it('a package that does not exist is named', async () => {
      const pkglist = [await file('bad.pkglist', 'less\nno-such-package-here\n')];
      await expect((await build({ pkglist })).result).rejects.toMatchObject({
        code: 'not_found',
        message: expect.stringContaining('The package no-such-package-here does not exist') as string,
      });
      await intact();
    });

    it('a list that is not there, and one that is included and not there', async () => {
      await expect((await build({ pkglist: ['/nosuch/pkglist'] })).result).rejects.toThrow(
        "The pkglist specified '/nosuch/pkglist' does not exist!",
      );
      const pkglist = [await file('inc.pkglist', '#INCLUDE:/nosuch/other#\n')];
      await expect((await build({ pkglist })).result).rejects.toThrow(
        'Unable to open the following pkglist files:\n/nosuch/other',
      );
    });

    it('a postinstall that exits 3: its words, and the earlier tree', async () => {
      const post = await script('post3', 'echo trouble brewing >&2', 'exit 3');
      await expect((await build({ postinstall: [post] })).result).rejects.toThrow(
        `postinstall script ${post} failed: it exited with 3.\ntrouble brewing`,
      );
      await intact();
    });

    it('a postinstall that may not be run is told before anything is done', async () => {
      const post = await file('post4', '#!/bin/sh\n');
      await expect((await build({ postinstall: [post] })).result).rejects.toThrow(
        `postinstall script ${post} is not executable`,
      );
    });

    it('a second build of the same folder is refused while the first runs', async () => {
      const post = await script(
        'slow',
        `touch ${dir}/running`,
        `while [ -e ${dir}/running ]; do sleep 0.1; done`,
        'exit 9',
      );
      const slow = await build({ postinstall: [post] });
      await eventually('the slow build runs its script', () => existsSync(join(dir, 'running')), {
        timeoutMs: 120_000,
      });
      const words = `failed to acquire lock, seems there is another genimage/packimage/rmimage process ${slow.child.pid ?? 0} running on root image dir "${image}"`;
      await expect((await build()).result).rejects.toThrow(words);
      await expect((await tasks.pack(image)).result).rejects.toThrow(words);
      await rm(join(dir, 'running'));
      await expect(slow.result).rejects.toThrow('it exited with 9');
      await intact();
    });

    it('kill -9 in the middle leaves no process, no mount, no half tree; the next build works', async () => {
      const killed = await build({ fresh: true });
      await eventually(
        'packages are unpacked',
        () => killed.stages.some((line) => line.startsWith('bootstrap: unpacking')),
        { timeoutMs: 180_000 },
      );
      const programs = await childrenOf(killed.child.pid ?? 0);
      expect(programs.length).toBeGreaterThan(0);
      killed.child.kill('SIGKILL');
      await expect(killed.result).rejects.toThrow('SIGKILL');
      await eventually('its programs are gone', () => programs.every((pid) => !existsSync(`/proc/${pid}`)), {
        timeoutMs: 20_000,
      });
      expect(await mountsBelow(dir)).toEqual([]);
      await tasks.cleanUp(imageBuildKind, killed);
      await intact();
      await (
        await build({ postinstall: [join(dir, 'post2')] })
      ).result;
      await intact();
    });

    it('a full disk: said so, the earlier tree kept', async () => {
      const small = join(dir, 'small');
      await mkdir(join(small), { recursive: true });
      await run('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'small', small]);
      try {
        await mkdir(join(small, 'image/rootimg'), { recursive: true });
        await writeFile(join(small, 'image/rootimg/earlier'), '');
        // Of a version that kept no record of the tree.
        const record = { format: 1, key: 'earlier', kernelver: '6.1.0', arch: 'x86_64' };
        await writeFile(join(small, 'image/.build.json'), JSON.stringify(record));
        await expect((await build({}, join(small, 'image'))).result).rejects.toMatchObject({
          code: 'resource_exhausted',
          message: expect.stringMatching(/The build of img was stopped because the disk is full/) as string,
        });
        expect(existsSync(join(small, 'image/rootimg/earlier'))).toBe(true);
        expect(leftovers(join(small, 'image'))).toEqual([]);
      } finally {
        await run('umount', [small]);
      }
    });
  });

  describe('packimage', () => {
    /** An agent that knows nothing of what was packed before. */
    const elsewhere = (): ImageTasks => new ImageTasks(mkdtempSync(join(dir, 'elsewhere-')), {});
    const unpacked = async (digest: string): Promise<string> => {
      const folder = await mkdtemp(join(dir, 'unpacked-'));
      await run('unsquashfs', [
        '-quiet',
        '-no-progress',
        '-force',
        '-dest',
        folder,
        new BlobStore(tasks.home).path(digest),
      ]);
      return folder;
    };

    it('gives the same image for the same tree, another for another, and keeps both', async () => {
      const exlist = [
        await file(
          'exlist',
          './usr/share/doc/*\n+./usr/share/doc/*/copyright # the law\n./usr/lib/modules*\n./usr/lib/x86_64-linux-gnu/*\n',
        ),
      ];
      await writeFile(inTree('etc/shadow-'), 'root:$6$abc$def:1::::::\n');
      const one = await (await tasks.pack(image, { exlist })).result;
      const two = await (await elsewhere().pack(image, { exlist })).result;
      expect(two).toEqual(one);
      await writeFile(inTree('etc/motd'), 'another\n');
      const other = await (await tasks.pack(image, { exlist })).result;
      expect(other.root.digest).not.toBe(one.root.digest);
      expect(other.kernel).toEqual(one.kernel);
      const store = new BlobStore(tasks.home);
      for (const digest of [one.root.digest, other.root.digest]) expect(await store.verify(digest)).toBe(true);
      expect((await readFile(join(image, 'rootimg.sfs'))).equals(await readFile(store.path(other.root.digest)))).toBe(
        true,
      );
      expect(leftovers(image)).toEqual([]);

      const folder = await unpacked(one.root.digest);
      expect(existsSync(join(folder, 'usr/lib/modules'))).toBe(false);
      expect(readdirSync(join(folder, 'usr/share/doc/bash'))).toEqual(['copyright']);
      expect(await readFile(join(folder, 'etc/shadow-'), 'utf8')).toBe('root:*:1::::::\n');
      expect(await readFile(join(folder, 'opt/xcat/xcatinfo'), 'utf8')).toMatch(
        /^IMAGENAME='img'\nIMAGEUUID='[0-9a-f-]{36}'\n/,
      );
      if (which('getcap') !== undefined) {
        expect((await run('getcap', [join(folder, 'usr/bin/ping')])).stdout).toContain('cap_net_raw');
      }
      const manifest = JSON.parse(await readFile(store.path(one.manifest.digest), 'utf8')) as {
        packages: { name: string; version: string; arch: string }[];
        files: { root: unknown };
      };
      expect(manifest.packages).toEqual(await installedPackages(inTree('')));
      // What dpkg itself says, and the bill of materials.
      const format = '${db:Status-Status} ${Package} ${Version} ${Architecture}\\n';
      const asked = ['--admindir', inTree('var/lib/dpkg'), '--show', '--showformat', format];
      const lines = (await run('dpkg-query', asked)).stdout.split('\n').filter((line) => line.startsWith('installed '));
      const installed = lines.map((line) => line.slice('installed '.length)).sort();
      expect(manifest.packages.map(({ name, version, arch }) => `${name} ${version} ${arch}`).sort()).toEqual(
        installed,
      );
      const bill = JSON.parse(await readFile(store.path(one.bom?.digest ?? ''), 'utf8')) as {
        packages: { name: string; versionInfo: string }[];
      };
      expect(bill.packages.map(({ name, versionInfo }) => `${name} ${versionInfo}`).sort()).toEqual(
        installed.map((line) => line.replace(/ \S+$/, '')).sort(),
      );
      expect(manifest.files.root).toEqual(one.root);
    });

    it.each([
      ['cpio', 'gzip', 'rootimg.cpio.gz'],
      ['tar', 'xz', 'rootimg.tar.xz'],
    ] as const)('packs %s with %s', async (method, compress, product) => {
      const exlist = [
        await file('lean', './usr/*\n+./usr/sbin*\n+./usr/lib\n+./usr/lib/systemd\n+./usr/lib/systemd/systemd\n'),
      ];
      const one = await (await tasks.pack(image, { method, compress, exlist })).result;
      const two = await (await elsewhere().pack(image, { method, compress, exlist })).result;
      expect(two.root).toEqual(one.root);
      expect(readdirSync(image).filter((name) => name.startsWith('rootimg.'))).toEqual([product]);
      const unpack = compress === 'xz' ? 'xz -dc "$1" | tar -t' : 'gzip -dc "$1" | cpio -t --quiet';
      const names = (await run('sh', ['-c', unpack, 'sh', join(image, product)])).stdout
        .split('\n')
        .map((name) => name.replace(/^\.\//, ''));
      expect(names).toEqual(expect.arrayContaining(['etc/passwd', 'opt/xcat/xcatinfo', 'usr/lib/systemd/systemd']));
      expect(names.filter((name) => name.startsWith('usr/share'))).toEqual([]);
    });

    it('refuses an exclude list that leaves nothing to start, and one that is not there', async () => {
      const exlist = [await file('all', './*\n')];
      await expect((await tasks.pack(image, { exlist })).result).rejects.toThrow('leaves no /sbin/init');
      await expect((await tasks.pack(image, { exlist: ['/nosuch'] })).result).rejects.toThrow(
        'The exlist file /nosuch cannot be read.',
      );
      await expect((await tasks.pack(join(dir, 'nothing'))).result).rejects.toThrow(
        `${dir}/nothing/rootimg does not exist, run genimage -o debian12 -p compute on a server with matching architecture`,
      );
      expect(leftovers(image)).toEqual([]);
    });

    it('kill -9 in the middle, or a full store: the earlier image is still there', async () => {
      const lean = [join(dir, 'lean')];
      const before = await (await tasks.pack(image, { exlist: lean })).result;
      const killed = await tasks.pack(image, { method: 'squashfs', compress: 'xz' });
      await eventually('it packs', () => readdirSync(image).some((name) => name.startsWith('rootimg.sfs.new')), {
        timeoutMs: 60_000,
      });
      killed.child.kill('SIGKILL');
      await expect(killed.result).rejects.toThrow('SIGKILL');
      await tasks.cleanUp(imagePackKind, killed);
      expect(leftovers(image)).toEqual([]);

      const small = join(dir, 'small-store');
      await mkdir(small);
      await run('mount', ['-t', 'tmpfs', '-o', 'size=100m', 'small', small]);
      try {
        const full = new ImageTasks(small, {});
        await writeFile(inTree('etc/motd'), 'a third\n');
        await expect((await full.pack(image, { compress: 'lz4' })).result).rejects.toMatchObject({
          code: 'resource_exhausted',
        });
      } finally {
        await run('umount', [small]);
      }
      const store = new BlobStore(tasks.home);
      expect(await store.verify(before.root.digest)).toBe(true);
      expect((await readFile(join(image, 'rootimg.sfs'))).equals(await readFile(store.path(before.root.digest)))).toBe(
        true,
      );
    });
  });

  describe('a node', () => {
    it.skipIf(which('qemu-system-x86_64') === undefined || which('dnsmasq') === undefined)(
      'refuses an altered image, and boots the right one up to its agent (needs QEMU and dnsmasq)',
      async () => {
        const post = await script('post-node', 'echo "nonce-4711" >"$1/etc/issue.hostler"');
        await (
          await build({ postinstall: [post] })
        ).result;
        const exlist = ['share/netboot/debian/compute.exlist'].map((path) => resolve(path));
        const packed = await (await tasks.pack(image, { exlist })).result;
        const blob = new BlobStore(tasks.home).path(packed.root.digest);
        await flipByte(blob, packed.root.bytes - 100);

        const network = await createNetwork({ name: 'image-test', taps: 1 });
        const authority = await createTestAuthority();
        const host = await BootHost.start(
          network,
          tasks.home,
          'boot1',
          await authority.issue('boot1', { roles: ['boot', 'store'] }),
        );
        let vm: Vm | undefined;
        try {
          await host.apply(bootSpecOf(network, authority.fingerprint, packed));
          vm = await startVm({
            name: 'node',
            network,
            tap: 0,
            dir: join(dir, 'vm'),
            firmware: 'bios',
            accel: 'tcg',
            memoryMiB: 1280,
          });
          const { over } = vm;
          const wrong = await vm.console.waitFor(
            /image digest is ([0-9a-f]{64}), expected ([0-9a-f]{64}): refusing it/,
            { timeoutMs: 240_000, over },
          );
          expect(wrong[2]).toBe(packed.root.digest);
          expect(wrong[1]).not.toBe(packed.root.digest);
          await eventually('the boot server was told', () => host.stages('n0').includes('failed'), {
            timeoutMs: 20_000,
          });

          await flipByte(blob, packed.root.bytes - 100);
          const said = await vm.console.waitFor(/agent of the image: (\{.*\})/, { timeoutMs: 300_000, over });
          const record = JSON.parse(said[1] ?? '') as {
            digest: string;
            server: string;
            mac: string;
            interface: string;
          };
          expect(record).toMatchObject({
            digest: packed.root.digest,
            server: `http://${network.address}`,
            mac: vm.mac,
          });
          const stages = host.stages('n0');
          expect(stages.filter((stage) => stage !== 'failed')).toEqual([
            'dhcp',
            'loader',
            'kernel',
            'initrd',
            'image',
            'switched',
          ]);
          expect(await vm.console.text()).toMatch(/hostler: \[[\d.]+\] network is up on \S+: 10\.77\.0\.10\/24/);
        } finally {
          await vm?.stop();
          await host.stop();
          await network.remove();
        }
      },
      700_000,
    );
  });
});

/** A package with that script in a flat repository. */
async function deb(folder: string, name: string, postinst: string): Promise<void> {
  const work = join(folder, `${name}.work`);
  await mkdir(join(work, 'DEBIAN'), { recursive: true });
  await writeFile(
    join(work, 'DEBIAN/control'),
    `Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: Lab <lab@example.com>\nDescription: lab\n`,
  );
  await writeFile(join(work, 'DEBIAN/postinst'), `#!/bin/sh\n${postinst}\n`, { mode: 0o755 });
  await run('dpkg-deb', ['--root-owner-group', '--build', work, join(folder, `${name}_1_all.deb`)]);
  await rm(work, { recursive: true });
  const { stdout } = await run('dpkg-scanpackages', ['.', '/dev/null'], { cwd: folder });
  await writeFile(join(folder, 'Packages'), stdout);
}

/** Everything below a process, itself left out. */
async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-e', '-o', 'pid=,ppid=']);
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found: number[] = [];
  const queue = [pid];
  for (let parent = queue.pop(); parent !== undefined; parent = queue.pop()) {
    const own = pairs.filter(([, ppid]) => ppid === parent).map(([child]) => child ?? 0);
    found.push(...own);
    queue.push(...own);
  }
  return found;
}

/** Alters one byte; twice: as it was. */
async function flipByte(path: string, at: number): Promise<void> {
  await chmod(path, 0o644);
  const handle = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 0xff;
    await handle.write(byte, 0, 1, at);
  } finally {
    await handle.close();
  }
}
