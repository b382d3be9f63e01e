import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { run } from '../../shared/process/run.ts';

/** A kernel of the distribution with its modules, unpacked; kept between runs. */
export interface LabKernel {
  readonly file: string;
  readonly version: string;
  /** Folder that holds `lib/modules/<version>`. */
  readonly root: string;
}

/** Downloaded by apt once, into a cache folder of the tests. */
export async function labKernel(): Promise<LabKernel> {
  const cache = process.env['HOSTLER_TEST_CACHE'] ?? join(tmpdir(), 'hostler-test-cache');
  await mkdir(cache, { recursive: true });
  const { stdout } = await run('apt-cache', ['depends', '--important', 'linux-image-amd64']);
  const packageName = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (packageName === undefined) throw new Error('linux-image-amd64 depends on no kernel; run apt-get update');
  const root = join(cache, packageName);
  const version = packageName.slice('linux-image-'.length);
  const found = { file: join(root, 'boot', `vmlinuz-${version}`), version, root };
  if ((await readdir(root).catch(() => [])).length > 0) return found;
  const work = await mkdtemp(join(cache, 'work-'));
  try {
    await run('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', packageName], {
      cwd: work,
      timeoutMs: 180_000,
    });
    const archive = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get download ${packageName} left no package`);
    await run('dpkg-deb', ['-x', join(work, archive), join(work, 'root')]);
    await run('depmod', ['-b', join(work, 'root'), version]);
    await rename(join(work, 'root'), root);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return found;
}

/**
 * An initrd of busybox and the modules for a virtual machine's network, with `script` as its /init (after the usual
 * mounts; `$mac`, `$boot` and every `hostler.*` word of the command line as `$server`, `$secure`, ... are set, the
 * network is up). `programs`: of this machine, taken along with their libraries.
 */
export async function tinyInitrd(
  kernel: LabKernel,
  out: string,
  script: string,
  programs: readonly string[] = [],
): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'hostler-tiny-'));
  try {
    for (const folder of ['bin', 'proc', 'sys', 'dev', 'modules', 'mem']) await mkdir(join(work, folder));
    await copyFile('/bin/busybox', join(work, 'bin', 'busybox'));
    await symlink('busybox', join(work, 'bin', 'sh'));
    for (const program of programs) await takeAlong(program, work);
    const { stdout } = await run('modprobe', [
      ...[
        '-d',
        kernel.root,
        '-S',
        kernel.version,
        '--show-depends',
        '-a',
        'virtio_pci',
        'virtio_net',
        'af_packet',
        'virtio_rng',
      ],
    ]);
    const modules = [...new Set([...stdout.matchAll(/^insmod (\S+)/gm)].map((match) => match[1] ?? ''))];
    for (const module of modules) await copyFile(module, join(work, 'modules', basename(module)));
    await writeFile(join(work, 'modules', 'order'), `${modules.map((module) => basename(module)).join('\n')}\n`);
    await writeFile(join(work, 'init'), `${prelude}\n${script}\nwhile :; do sleep 3600; done\n`);
    await writeFile(join(work, 'lease'), lease);
    await chmod(join(work, 'init'), 0o755);
    await chmod(join(work, 'lease'), 0o755);
    const names = await run('find', ['.'], { cwd: work });
    await run('cpio', ['-o', '-H', 'newc', '--quiet', '--owner', '0:0', '-F', out], { cwd: work, input: names.stdout });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function takeAlong(program: string, root: string): Promise<void> {
  const { stdout } = await run('ldd', [program]);
  const libraries = [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(/gm)].map((match) => match[1] ?? '');
  for (const file of [program, ...libraries]) {
    await mkdir(join(root, dirname(file)), { recursive: true });
    await copyFile(file, join(root, file));
  }
}

const prelude = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin
exec >/dev/console 2>&1
say() { echo "tiny: $*"; }
while read -r module; do insmod "/modules/$module"; done </modules/order
for word in $(cat /proc/cmdline); do
  case $word in
  hostler.*) name=\${word%%=*}; eval "\${name#hostler.}='\${word#*=}'" ;;
  esac
done
boot=$(cat /proc/sys/kernel/random/boot_id)
mac=$(cat /sys/class/net/eth0/address)
ip link set eth0 up
udhcpc -i eth0 -s /lease -n -q -t 10 -T 1 || say "no lease"
say "network $(ip -4 -o addr show dev eth0 | tr -s ' ' | cut -d' ' -f4)"
`;

const lease = `#!/bin/busybox sh
[ "$1" = bound ] || exit 0
ip addr replace "$ip/\${mask:-24}" dev "$interface"
`;
