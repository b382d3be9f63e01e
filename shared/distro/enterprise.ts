import { defaultDrivers } from './drivers.ts';
import type { Release } from './release.ts';

const servers = ['x86_64', 'aarch64', 'ppc64le', 's390x'];

const base = [
  'systemd',
  'systemd-udev',
  'dbus',
  'kmod',
  'iproute',
  'ca-certificates',
  'util-linux',
  'NetworkManager',
  'nodejs',
];

const common = {
  family: 'enterprise',
  bootstrap: 'dnf',
  components: [],
  packages: base,
  kernelPackage: String.raw`^kernel(?:-(?:core|uek|uek-core|rt|rt-core|64k|64k-core))?(?:-\d.*)?$`,
  kernelFile: { x86_64: 'vmlinuz', aarch64: 'vmlinuz', ppc64le: 'vmlinuz', s390x: 'vmlinuz', riscv64: 'vmlinuz' },
  initrdFile: 'initramfs-%.img',
  drivers: defaultDrivers,
  services: ['NetworkManager.service', 'sshd.service'],
} as const;

/** What differs between the major releases, whoever rebuilds them. */
const majors = {
  8: {
    platform: 'platform:el8',
    database: { folder: '/var/lib/rpm', backend: 'bdb' },
    streams: ['nodejs:20'],
    node: 20,
  },
  9: {
    platform: 'platform:el9',
    database: { folder: '/var/lib/rpm', backend: 'sqlite' },
    streams: ['nodejs:20'],
    node: 20,
  },
  10: {
    platform: 'platform:el10',
    database: { folder: '/usr/lib/sysimage/rpm', backend: 'sqlite' },
    streams: [],
    node: 22,
  },
} as const;

function row(
  name: string,
  major: keyof typeof majors,
  archs: readonly string[],
  also: readonly string[] = [],
): Release {
  return {
    ...common,
    ...majors[major],
    osvers: `${name}${major}`,
    also,
    codename: String(major),
    kernels: Object.fromEntries(archs.map((arch) => [arch, 'kernel'])),
  };
}

const rockyEight = ['x86_64', 'aarch64'];
const oracle = ['x86_64', 'aarch64'];

/** Adding a release is adding a row: name, major release, architectures, other spellings. */
export const enterpriseReleases: readonly Release[] = [
  row('rhels', 8, servers, ['rhel']),
  row('rhels', 9, servers, ['rhel']),
  row('rhels', 10, servers, ['rhel']),
  row('rocky', 8, rockyEight),
  row('rocky', 9, servers),
  row('rocky', 10, [...servers, 'riscv64']),
  row('alma', 8, servers),
  row('alma', 9, servers),
  row('alma', 10, servers),
  row('ol', 8, oracle),
  row('ol', 9, oracle),
  row('ol', 10, oracle),
  row('centos-stream', 8, servers, ['centos']),
  row('centos-stream', 9, servers, ['centos']),
  row('centos-stream', 10, servers, ['centos']),
];
