import { defaultDrivers } from './drivers.ts';
import type { Release } from './release.ts';

const base = [
  'aaa_base',
  'systemd',
  'systemd-sysvinit',
  'udev',
  'dbus-1',
  'kmod',
  'iproute2',
  'ca-certificates',
  'util-linux',
  'wicked',
  'busybox-static',
];
const kernel = 'kernel-default';

const common = {
  family: 'suse',
  bootstrap: 'zypper',
  components: [],
  streams: [],
  kernelPackage: String.raw`^kernel-(?:default|azure|rt|preempt|64kb)(?:-base)?(?:-\d.*)?$`,
  kernelFile: { x86_64: 'vmlinuz', aarch64: 'Image', ppc64le: 'vmlinux', s390x: 'image' },
  initrdFile: 'initrd-%',
  drivers: defaultDrivers,
  services: ['wicked.service', 'sshd.service'],
} as const;

const distributions = {
  sles: {
    release: 'sles-release',
    kernels: { x86_64: kernel, aarch64: kernel, ppc64le: kernel, s390x: kernel },
    also: ['sle'],
  },
  leap: {
    release: 'openSUSE-release',
    kernels: { x86_64: kernel, aarch64: kernel, ppc64le: kernel, s390x: kernel },
    also: ['opensuse-leap', 'opensuse'],
  },
} as const;

/** `version` 15 alone stands for the service packs without a row of their own: 15.0 to 15.3. */
function row(name: keyof typeof distributions, version: string, node: number): Release {
  const { release, kernels, also } = distributions[name];
  return {
    ...common,
    osvers: `${name}${version}`,
    also,
    codename: version,
    kernels,
    database: { folder: '/usr/lib/sysimage/rpm', backend: version === '15' ? 'bdb' : 'ndb' },
    // An archive of nodejs.org is linked to the C++ library.
    packages: [...base, release, node >= 18 ? `nodejs${node}` : 'libstdc++6'],
    node,
  };
}

/** Adding a release is adding a row: distribution, version, newest Node.js that its Web-Scripting module has from the start. */
export const suseReleases: readonly Release[] = [
  row('sles', '15', 14),
  row('sles', '15.4', 18),
  row('sles', '15.5', 18),
  row('sles', '15.6', 20),
  row('sles', '15.7', 22),
  row('leap', '15', 14),
  row('leap', '15.4', 18),
  row('leap', '15.5', 18),
  row('leap', '15.6', 20),
];
