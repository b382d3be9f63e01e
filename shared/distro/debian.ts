import { defaultDrivers } from './drivers.ts';
import type { Release } from './release.ts';

const kernels = {
  x86_64: 'linux-image-amd64',
  aarch64: 'linux-image-arm64',
  ppc64le: 'linux-image-powerpc64le',
  s390x: 'linux-image-s390x',
};

/** What every image needs to start and to be reached; a pkglist adds to it. */
const base = ['systemd-sysv', 'udev', 'dbus', 'kmod', 'iproute2', 'ca-certificates', 'busybox-static'];

const common = {
  family: 'debian',
  bootstrap: 'mmdebstrap',
  components: ['main'],
  packages: [...base, 'nodejs'],
  streams: [],
  kernels,
  kernelPackage: '^linux-image-',
  kernelFile: { x86_64: 'vmlinuz', aarch64: 'vmlinuz', ppc64le: 'vmlinux', riscv64: 'vmlinux', s390x: 'vmlinuz' },
  initrdFile: 'initrd.img-%',
  drivers: defaultDrivers,
  services: ['systemd-networkd.service', 'systemd-resolved.service'],
} as const;

/** Adding a release is adding a row. `node` is the version of the distribution's own nodejs package. */
export const debianReleases: readonly Release[] = [
  { ...common, osvers: 'debian11', codename: 'bullseye', node: 12, packages: base },
  { ...common, osvers: 'debian12', codename: 'bookworm', node: 18 },
  {
    ...common,
    osvers: 'debian13',
    codename: 'trixie',
    node: 20,
    kernels: { ...kernels, riscv64: 'linux-image-riscv64' },
  },
];
