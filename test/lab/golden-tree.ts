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

/** What no test looks at: each file is captured, packed, unpacked and compared by emulated machines. */
const unwanted = [
  ...['doc', 'man', 'locale', 'zoneinfo', 'info', 'bash-completion', 'lintian'].map((name) => `/usr/share/${name}/*`),
  ...['/lib/udev/hwdb.d/*', '/usr/lib/grub/x86_64-efi/monolithic/*', '/usr/lib/x86_64-linux-gnu/gconv/*'],
  ...['comedi', 'gpu', 'hid', 'hv', 'infiniband', 'media', 'misc', 'net/ethernet/mellanox', 'nvdimm', 'nvme/target']
    .concat(['platform', 'target', 'block/drbd', 'md/bcache', 'staging', 'usb', 'mmc', 'mtd', 'vhost', 'xen'])
    .map((name) => `/lib/modules/*/kernel/drivers/${name}/*`),
  ...['nfs', 'nfsd', 'smb', 'ceph', 'ocfs2', 'gfs2', 'jfs', 'f2fs', 'nilfs2', 'ubifs', 'dlm', 'afs', 'orangefs', 'udf']
    .concat(['ntfs3', 'hfs', 'hfsplus', 'reiserfs', 'coda', 'lockd', 'isofs'])
    .map((name) => `/lib/modules/*/kernel/fs/${name}/*`),
  ...['netfilter', 'sunrpc', 'sched', 'ceph', 'sctp', 'tipc', 'smc', 'rds', 'bridge', 'ipv4', 'ipv6', 'openvswitch']
    .concat(['mptcp', 'vmw_vsock', 'wireless', 'mac80211', 'bluetooth', 'dccp', 'l2tp', 'mpls', 'batman-adv', 'xfrm'])
    .map((name) => `/lib/modules/*/kernel/net/${name}/*`),
];

/** Everything that changes what is made. */
const options = [
  ...['--mode=root', '--variant=minbase', '--format=directory', '--aptopt=Apt::Install-Recommends "false"'],
  // Merged from the start, so that the program which merges, and Perl with it, are not in the tree.
  ...['--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr', '--dpkgopt=force-unsafe-io'],
  ...unwanted.map((path) => `--dpkgopt=path-exclude=${path}`),
  `--include=${packages.join(',')}`,
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
  await keepAs(fresh, folder);
  return folder;
}

/** Another run may have made the same meanwhile; either will do. */
export async function keepAs(fresh: string, folder: string): Promise<void> {
  try {
    await rename(fresh, folder);
  } catch (error) {
    if ((await stat(folder).catch(() => undefined)) === undefined) throw error;
    await rm(fresh, { recursive: true, force: true });
  }
}
