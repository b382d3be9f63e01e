import { createHash } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../shared/process/run.ts';

/** What a machine on disk needs to start by BIOS and UEFI from any layout; the cloud kernel has few and small modules. */
const packages = [
  ...['linux-image-cloud-amd64', 'initramfs-tools', 'zstd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'busybox-static'],
  ...['ifupdown', 'iproute2', 'openssh-server', 'ca-certificates', 'nodejs', 'rsync', 'fdisk', 'dosfstools'],
  ...['grub-pc-bin', 'grub-efi-amd64-bin', 'grub2-common', 'lvm2', 'mdadm', 'xfsprogs', 'btrfs-progs', 'e2fsprogs'],
  // python3: the script that compares machines runs in such a system too.
  ...['acl', 'attr', 'libcap2-bin', 'python3-minimal'],
];

/** Everything that changes what is made. */
const options = [
  ...['--mode=root', '--variant=minbase', '--format=directory', '--aptopt=Apt::Install-Recommends "false"'],
  ...[
    '--dpkgopt=force-unsafe-io',
    '--dpkgopt=path-exclude=/usr/share/doc/*',
    '--dpkgopt=path-exclude=/usr/share/man/*',
  ],
  ...['--dpkgopt=path-exclude=/usr/share/locale/*', `--include=${packages.join(',')}`],
  // Drivers and tools of any machine: a clone's own initramfs is not made anew.
  '--customize-hook=echo MODULES=most > "$1/etc/initramfs-tools/conf.d/hostler"',
  '--customize-hook=chroot "$1" update-initramfs -u -k all',
];

/** Where what takes minutes to make is kept between runs; `HOSTLER_TEST_CACHE` names another place. */
export const testCache = process.env['HOSTLER_TEST_CACHE'] ?? '/var/cache/hostler-test';

/** Names everything that the tree is made of. */
export const goldenTreeKey = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 12);

/**
 * The tree of an installed Debian, made once and kept, since that takes minutes. Whoever uses it copies it first.
 */
export async function goldenTree(): Promise<string> {
  const folder = join(testCache, `golden-${goldenTreeKey}`);
  if (await stat(folder).catch(() => undefined)) return folder;
  const fresh = `${folder}.${process.pid}`;
  await mkdir(join(folder, '..'), { recursive: true, mode: 0o700 });
  await rm(fresh, { recursive: true, force: true });
  await run('mmdebstrap', [...options, 'bookworm', fresh], { timeoutMs: 900_000 });
  await writeFile(join(fresh, 'etc/fstab'), '# nothing yet\n');
  await rename(fresh, folder);
  return folder;
}
