import { describe, expect, it } from 'vitest';
import { parseRuntime } from '../../../../shared/distro/node-runtime.ts';
import {
  allReleases,
  needsRuntime,
  oldestNode,
  releaseOf,
  shareFamily,
  unbuildable,
} from '../../../../shared/distro/release.ts';

/** As administrators write it → row, bootstrap program, suite or releasever, folder of share/netboot, Node.js. */
const known: readonly (readonly [string, string, string, string, string, number])[] = [
  ['debian11', 'debian11', 'mmdebstrap', 'bullseye', 'debian', 12],
  ['debian11.9', 'debian11', 'mmdebstrap', 'bullseye', 'debian', 12],
  ['debian12', 'debian12', 'mmdebstrap', 'bookworm', 'debian', 18],
  ['debian12.5', 'debian12', 'mmdebstrap', 'bookworm', 'debian', 18],
  ['debian13', 'debian13', 'mmdebstrap', 'trixie', 'debian', 20],
  ['ubuntu20.04', 'ubuntu20.04', 'mmdebstrap', 'focal', 'ubuntu', 10],
  ['ubuntu20.04.6', 'ubuntu20.04', 'mmdebstrap', 'focal', 'ubuntu', 10],
  ['ubuntu22.04.3', 'ubuntu22.04', 'mmdebstrap', 'jammy', 'ubuntu', 12],
  ['ubuntu24.04', 'ubuntu24.04', 'mmdebstrap', 'noble', 'ubuntu', 18],
  ['rhels8.9', 'rhels8', 'dnf', '8', 'rh', 20],
  ['rhels8.6.0', 'rhels8', 'dnf', '8', 'rh', 20],
  ['rhel9', 'rhels9', 'dnf', '9', 'rh', 20],
  ['rhels9.4', 'rhels9', 'dnf', '9', 'rh', 20],
  ['rhels10.0', 'rhels10', 'dnf', '10', 'rh', 22],
  ['rocky8.10', 'rocky8', 'dnf', '8', 'rocky', 20],
  ['rocky9.4', 'rocky9', 'dnf', '9', 'rocky', 20],
  ['rocky10', 'rocky10', 'dnf', '10', 'rocky', 22],
  ['alma8.8', 'alma8', 'dnf', '8', 'alma', 20],
  ['alma9', 'alma9', 'dnf', '9', 'alma', 20],
  ['alma10.1', 'alma10', 'dnf', '10', 'alma', 22],
  ['ol8', 'ol8', 'dnf', '8', 'ol', 20],
  ['ol9.3.0', 'ol9', 'dnf', '9', 'ol', 20],
  ['ol10', 'ol10', 'dnf', '10', 'ol', 22],
  ['centos8.4', 'centos-stream8', 'dnf', '8', 'centos', 20],
  ['centos-stream8', 'centos-stream8', 'dnf', '8', 'centos', 20],
  ['centos-stream9', 'centos-stream9', 'dnf', '9', 'centos', 20],
  ['centos9', 'centos-stream9', 'dnf', '9', 'centos', 20],
  ['centos9-stream', 'centos-stream9', 'dnf', '9', 'centos', 20],
  ['centos-stream10', 'centos-stream10', 'dnf', '10', 'centos', 22],
  ['fedora39', 'fedora39', 'dnf', '39', 'fedora', 20],
  ['fedora40', 'fedora40', 'dnf', '40', 'fedora', 20],
  ['fedora41', 'fedora41', 'dnf', '41', 'fedora', 22],
  ['fedora42', 'fedora42', 'dnf', '42', 'fedora', 22],
  ['fedora43', 'fedora43', 'dnf', '43', 'fedora', 22],
  ['sles15', 'sles15', 'zypper', '15', 'sles', 14],
  ['sles15.3', 'sles15', 'zypper', '15', 'sles', 14],
  ['sles15.4', 'sles15.4', 'zypper', '15.4', 'sles', 18],
  ['sles15.5', 'sles15.5', 'zypper', '15.5', 'sles', 18],
  ['sles15sp5', 'sles15.5', 'zypper', '15.5', 'sles', 18],
  ['sles15.6', 'sles15.6', 'zypper', '15.6', 'sles', 20],
  ['sles15.7', 'sles15.7', 'zypper', '15.7', 'sles', 22],
  ['leap15', 'leap15', 'zypper', '15', 'sles', 14],
  ['leap15.4', 'leap15.4', 'zypper', '15.4', 'sles', 18],
  ['leap15.5', 'leap15.5', 'zypper', '15.5', 'sles', 18],
  ['opensuse-leap15.6', 'leap15.6', 'zypper', '15.6', 'sles', 20],
];

describe('releases', () => {
  it.each(known)('%s', (osvers, row, bootstrap, codename, share, node) => {
    const release = releaseOf(osvers);
    expect([release?.osvers, release?.bootstrap, release?.codename, release?.node]).toEqual([
      row,
      bootstrap,
      codename,
      node,
    ]);
    expect(shareFamily(osvers)).toBe(share);
  });

  it('has a test for every row', () => {
    const tested = new Set(known.map(([, row]) => row));
    expect(allReleases().filter((row) => !tested.has(row.osvers))).toEqual([]);
  });

  it.each([
    'debian1',
    'debian10',
    'debian120',
    'rocky7',
    'ubuntu22',
    'ubuntu22.10',
    'sles12.5',
    'fedora4',
    'rhels',
    '',
    'sles15x',
  ])('does not know %j', (osvers) => {
    expect(releaseOf(osvers)).toBeUndefined();
    expect(unbuildable(osvers, 'x86_64')).toMatch(/cannot be built; known are debian11,/);
  });

  it.each(allReleases().map((row) => [row.osvers, row] as const))('%s is whole', (_, row) => {
    expect(Object.keys(row.kernels)).toContain('x86_64');
    for (const [arch, kernel] of Object.entries(row.kernels)) {
      expect(row.kernelFile[arch], arch).toBeDefined();
      expect(row.drivers[arch], arch).toContain('virtio_net');
      expect(kernel).toMatch(new RegExp(row.kernelPackage));
    }
    expect(row.initrdFile).toContain('%');
    expect(row.services.length).toBeGreaterThan(0);
    const ownNode = [...row.packages, ...row.streams].filter((name) => /^nodejs(?:\d+|:\d+)?$/.test(name));
    expect(ownNode.length > 0).toBe(row.node >= oldestNode);
    expect(needsRuntime(row)).toBe(row.node < oldestNode);
    const named = row.streams.concat(row.packages).find((name) => /^nodejs:?\d+$/.test(name));
    if (named !== undefined) expect(named.replace(/\D+/, '')).toBe(String(row.node));
    expect(row.database === undefined).toBe(row.bootstrap === 'mmdebstrap');
    expect(row.platform !== undefined).toBe(row.bootstrap === 'dnf');
    expect(row.components.length > 0).toBe(row.bootstrap === 'mmdebstrap');
  });

  it.each([
    ['rocky9', 'kernel', true],
    ['rocky9', 'kernel-core-5.14.0-427.el9.x86_64', true],
    ['ol9', 'kernel-uek', true],
    ['rocky9', 'kernel-headers', false],
    ['rocky9', 'kernel-tools', false],
    ['sles15.5', 'kernel-default', true],
    ['sles15.5', 'kernel-default-base', true],
    ['sles15.5', 'kernel-firmware-all', false],
    ['sles15.5', 'kernel-default-devel', false],
    ['ubuntu22.04', 'linux-image-generic-hwe-22.04', true],
    ['debian12', 'linux-headers-amd64', false],
  ])('in %s, %s brings a kernel: %s', (osvers, name, brings) => {
    expect(new RegExp(releaseOf(osvers)?.kernelPackage ?? '$^').test(name)).toBe(brings);
  });
});

describe('what cannot be built', () => {
  it.each([
    ['rocky8', 'ppc64le'],
    ['ol9', 's390x'],
    ['debian12', 'ppc'],
    ['fedora40', 'ppc64'],
  ])('%s for %s', (osvers, arch) => {
    expect(unbuildable(osvers, arch)).toBe(`${osvers} does not exist for the architecture ${arch}.`);
  });

  it('a release with an old Node.js needs the site to name another, for that architecture', () => {
    const digest = 'ab'.repeat(32);
    const words =
      /^ubuntu22\.04 brings Node\.js 12, .*chdef -t site noderuntime\.aarch64="FILE-OR-URL sha256:DIGEST"\.$/;
    expect(unbuildable('ubuntu22.04', 'arm64')).toMatch(words);
    expect(unbuildable('ubuntu22.04', 'aarch64', `/n/node.tar.xz sha256:${digest}`)).toBeUndefined();
    expect(unbuildable('debian11', 'x86_64', '/n/node.tar.xz')).toMatch(/^site\.noderuntime\.x86_64 cannot be used: /);
    expect(unbuildable('debian12', 'x86_64')).toBeUndefined();
  });
});

describe('site.noderuntime', () => {
  const digest = '0123456789abcdef'.repeat(4);
  it.each([
    [`/srv/node-v20.11.1-linux-x64.tar.xz sha256:${digest}`, '/srv/node-v20.11.1-linux-x64.tar.xz'],
    [`https://host:8443/a/node.tar.gz ${digest.toUpperCase()}`, 'https://host:8443/a/node.tar.gz'],
    [`  http://host/node.tgz   sha256:${digest} `, 'http://host/node.tgz'],
  ])('%s', (text, source) => {
    expect(parseRuntime(text)).toEqual({ source, sha256: digest });
  });

  it.each([
    ['', 'it must be'],
    ['/srv/node.tar.xz', 'it must be'],
    [`/srv/node.tar.xz sha256:${digest}0`, 'it must be'],
    [`node.tar.xz sha256:${digest}`, 'neither an absolute path'],
    [`/srv/../node.tar.xz sha256:${digest}`, 'neither an absolute path'],
    [`ftp://host/node.tar.xz sha256:${digest}`, 'neither an absolute path'],
    [`https://me:secret@host/node.tar.xz sha256:${digest}`, 'user name or password'],
    [`/srv/node.zip sha256:${digest}`, 'does not end in'],
  ])('%j cannot be used', (text, why) => {
    expect(parseRuntime(text)).toContain(why);
  });
});
