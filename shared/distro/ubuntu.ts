import { defaultDrivers } from './drivers.ts';
import type { Release } from './release.ts';

const base = ['systemd-sysv', 'udev', 'dbus', 'kmod', 'iproute2', 'ca-certificates', 'busybox-static'];
const generic = 'linux-image-generic';

const common = {
  family: 'ubuntu',
  bootstrap: 'mmdebstrap',
  // Node.js and many tools of clusters are in universe.
  components: ['main', 'universe'],
  packages: base,
  streams: [],
  kernels: { x86_64: generic, aarch64: generic, ppc64le: generic, riscv64: generic, s390x: generic },
  kernelPackage: '^linux-image-',
  kernelFile: { x86_64: 'vmlinuz', aarch64: 'vmlinuz', ppc64le: 'vmlinux', riscv64: 'vmlinuz', s390x: 'vmlinuz' },
  initrdFile: 'initrd.img-%',
  drivers: defaultDrivers,
  services: ['systemd-networkd.service', 'systemd-resolved.service'],
} as const;

/** Adding a release is adding a row. Point releases (22.04.3) are the same. */
export const ubuntuReleases: readonly Release[] = [
  { ...common, osvers: 'ubuntu20.04', codename: 'focal', node: 10 },
  { ...common, osvers: 'ubuntu22.04', codename: 'jammy', node: 12 },
  { ...common, osvers: 'ubuntu24.04', codename: 'noble', node: 18, packages: [...base, 'nodejs'] },
];
