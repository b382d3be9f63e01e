import { defaultDrivers } from './drivers.ts';
import type { Release } from './release.ts';

const common = {
  family: 'fedora',
  bootstrap: 'dnf',
  components: [],
  database: { folder: '/usr/lib/sysimage/rpm', backend: 'sqlite' },
  packages: [
    'systemd',
    'systemd-udev',
    'dbus',
    'kmod',
    'iproute',
    'ca-certificates',
    'util-linux',
    'NetworkManager',
    'busybox',
    'nodejs',
  ],
  streams: [],
  kernels: { x86_64: 'kernel', aarch64: 'kernel', ppc64le: 'kernel', s390x: 'kernel' },
  kernelPackage: String.raw`^kernel(?:-core)?(?:-\d.*)?$`,
  kernelFile: { x86_64: 'vmlinuz', aarch64: 'vmlinuz', ppc64le: 'vmlinuz', s390x: 'vmlinuz' },
  initrdFile: 'initramfs-%.img',
  drivers: defaultDrivers,
  services: ['NetworkManager.service', 'sshd.service'],
} as const;

/** Number of the release, and the major version of its package `nodejs`. Adding a release is adding a row. */
const numbers: readonly (readonly [number, number])[] = [
  [39, 20],
  [40, 20],
  [41, 22],
  [42, 22],
  [43, 22],
];

export const fedoraReleases: readonly Release[] = numbers.map(([number, node]) => ({
  ...common,
  osvers: `fedora${number}`,
  codename: String(number),
  platform: `platform:f${number}`,
  node,
}));
