import { existsSync } from 'node:fs';

/** Program → package, where the names differ or the family matters: [Debian, RPM systems]. */
const packages: Readonly<Record<string, readonly [deb: string, rpm: string]>> = {
  'arch-test': ['arch-test', 'arch-test'],
  chroot: ['coreutils', 'coreutils'],
  cpio: ['cpio', 'cpio'],
  createrepo_c: ['createrepo-c', 'createrepo_c'],
  debootstrap: ['debootstrap', 'debootstrap'],
  depmod: ['kmod', 'kmod'],
  dnf: ['dnf', 'dnf'],
  dnsmasq: ['dnsmasq-base', 'dnsmasq'],
  getfattr: ['attr', 'attr'],
  gpg: ['gnupg', 'gnupg2'],
  'grub-mkimage': ['grub-common', 'grub2-tools'],
  ip: ['iproute2', 'iproute'],
  ipmitool: ['ipmitool', 'ipmitool'],
  lz4: ['lz4', 'lz4'],
  'mkfs.ext4': ['e2fsprogs', 'e2fsprogs'],
  'mkfs.xfs': ['xfsprogs', 'xfsprogs'],
  mksquashfs: ['squashfs-tools', 'squashfs-tools'],
  mmdebstrap: ['mmdebstrap', 'mmdebstrap'],
  modinfo: ['kmod', 'kmod'],
  modprobe: ['kmod', 'kmod'],
  mount: ['mount', 'util-linux'],
  'nats-server': ['nats-server', 'nats-server'],
  nsenter: ['util-linux', 'util-linux'],
  pigz: ['pigz', 'pigz'],
  'qemu-aarch64-static': ['qemu-user-static', 'qemu-user-static'],
  'qemu-img': ['qemu-utils', 'qemu-img'],
  'qemu-ppc64le-static': ['qemu-user-static', 'qemu-user-static'],
  'qemu-system-aarch64': ['qemu-system-arm', 'qemu-system-aarch64-core'],
  'qemu-system-ppc64': ['qemu-system-ppc', 'qemu-system-ppc-core'],
  'qemu-system-x86_64': ['qemu-system-x86', 'qemu-kvm'],
  rpm: ['rpm', 'rpm'],
  rsync: ['rsync', 'rsync'],
  sgdisk: ['gdisk', 'gdisk'],
  ssh: ['openssh-client', 'openssh-clients'],
  umount: ['mount', 'util-linux'],
  unshare: ['util-linux', 'util-linux'],
  unsquashfs: ['squashfs-tools', 'squashfs-tools'],
  'update-binfmts': ['binfmt-support', 'binfmt-support'],
  xorriso: ['xorriso', 'xorriso'],
  xz: ['xz-utils', 'xz'],
  zstd: ['zstd', 'zstd'],
  zypper: ['zypper', 'zypper'],
};

/** What to do about a program that is not there: `install package squashfs-tools`. */
export function installHint(program: string): string {
  const known = packages[program];
  if (known === undefined) return `install the package that brings ${program}, or put it on the PATH`;
  const rpmSystem = existsSync('/etc/redhat-release') || existsSync('/usr/lib/sysimage/rpm');
  return `install package ${rpmSystem ? known[1] : known[0]}`;
}
