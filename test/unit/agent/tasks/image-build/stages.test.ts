import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settleAccounts } from '../../../../../agent/tasks/image-build/accounts.ts';
import { placeSources } from '../../../../../agent/tasks/image-build/apt/configure.ts';
import { normaliseApt } from '../../../../../agent/tasks/image-build/apt/normalise.ts';
import { configureTree } from '../../../../../agent/tasks/image-build/configure.ts';
import { postinstallCalls, requirePostinstall } from '../../../../../agent/tasks/image-build/postinstall.ts';
import { checkedBuild } from '../../../../../agent/tasks/image-build/spec.ts';
import { releaseOf, shareFamily, unbuildable } from '../../../../../shared/distro/release.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'stages-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));
const at = (path: string): string => join(root, path);
const put = (path: string, text = ''): void => {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
};

describe('configureTree', () => {
  it('makes a tree that belongs to no machine', async () => {
    put('etc/machine-id', '0123');
    put('etc/hostname', 'builder');
    put('etc/shadow', 'root:$6$x:1::::::\nme:!:1::::::\n');
    put('etc/ssh/ssh_host_rsa_key', 'k');
    put('etc/apt/sources.list.d/0000debian.sources', 'URIs: http://me:secret@x');
    put('etc/apt/apt.conf.d/99mmdebstrap');
    put('var/lib/apt/lists/some_Packages');
    put('var/lib/apt/lists/partial/x');
    put('usr/lib/systemd/system/systemd-networkd.service', '[Install]\nWantedBy=multi-user.target\n');
    symlinkSync('/etc/passwd', at('etc/resolv.conf'));
    await normaliseApt(root);
    await configureTree(root, ['systemd-networkd.service', 'systemd-resolved.service']);
    await placeSources(root, 'Types: deb\n');
    expect(readFileSync(at('etc/machine-id'), 'utf8')).toBe('');
    for (const gone of [
      'etc/hostname',
      'etc/ssh/ssh_host_rsa_key',
      'etc/apt/sources.list.d/0000debian.sources',
      'etc/apt/apt.conf.d/99mmdebstrap',
      'var/lib/apt/lists/some_Packages',
    ]) {
      expect(existsSync(at(gone)), gone).toBe(false);
    }
    expect(readFileSync(at('etc/shadow'), 'utf8')).toBe('root:*:1::::::\nme:!:1::::::\n');
    expect(readFileSync(at('etc/apt/sources.list.d/debian.sources'), 'utf8')).toBe('Types: deb\n');
    expect(readlinkSync(at('etc/resolv.conf'))).toBe('../run/hostler/resolv.conf');
    expect(existsSync('/etc/passwd')).toBe(true);
    expect(readlinkSync(at('etc/systemd/system/multi-user.target.wants/systemd-networkd.service'))).toBe(
      '/usr/lib/systemd/system/systemd-networkd.service',
    );
    expect(readFileSync(at('etc/hosts'), 'utf8')).toContain('127.0.0.1 localhost');
  });

  it('keeps an fstab and hosts that say something, and lets sshd make keys', async () => {
    put('etc/fstab', '# UNCONFIGURED\n');
    put('etc/hosts', '10.0.0.1 mn\n');
    put('usr/lib/systemd/system/ssh.service', '[Install]\nWantedBy=multi-user.target\n');
    put('usr/lib/systemd/system/systemd-resolved.service', '[Install]\nWantedBy=multi-user.target\n');
    put('usr/bin/ssh-keygen');
    await configureTree(root, []);
    expect(readFileSync(at('etc/fstab'), 'utf8')).not.toContain('UNCONFIGURED');
    expect(readFileSync(at('etc/hosts'), 'utf8')).toBe('10.0.0.1 mn\n');
    expect(readFileSync(at('etc/systemd/system/ssh.service.d/host-keys.conf'), 'utf8')).toContain('ssh-keygen -A');
    expect(readlinkSync(at('etc/resolv.conf'))).toBe('../run/systemd/resolve/stub-resolv.conf');
  });
});

describe('settleAccounts', () => {
  it('takes the day of the build out of accounts, and no other day', async () => {
    put('etc/shadow', 'root:*:19000:0:99999:7:::\nsshd:!:20777:0:99999:7:::\nold:x::::::\n');
    const day = 86_400_000;
    await settleAccounts(root, 20_777 * day, 19_500 * day);
    expect(readFileSync(at('etc/shadow'), 'utf8')).toBe(
      'root:*:19000:0:99999:7:::\nsshd:!:19500:0:99999:7:::\nold:x::::::\n',
    );
  });
});

describe('postinstall', () => {
  it('splits script and arguments', () => {
    expect(postinstallCalls(['/a b  c', ' /d ', ''])).toEqual([
      { script: '/a', args: ['b', 'c'] },
      { script: '/d', args: [] },
    ]);
  });

  it('says before the build what cannot be run', async () => {
    put('plain', '#!/bin/sh\n');
    await expect(requirePostinstall([{ script: at('plain'), args: [] }])).rejects.toThrow(
      `postinstall script ${at('plain')} is not executable`,
    );
    await expect(requirePostinstall([{ script: at('nosuch'), args: [] }])).rejects.toThrow(
      `The postinstall_filename specified '${at('nosuch')}' does not exist!`,
    );
  });
});

describe('checkedBuild', () => {
  const spec = () => ({
    image: 'debian12-x86_64-netboot-compute',
    osvers: 'debian12.5',
    arch: 'amd64',
    profile: 'compute',
    rootimgdir: at('r'),
    pkgdir: ['http://deb.example/debian bookworm main'],
    pkglist: ['/l'],
    otherpkgdir: [],
    otherpkglist: [],
    postinstall: ['/s a b'],
    netdrivers: ['tg3'],
    kernelver: '',
    krpmver: '',
    kerneldir: '',
    driverupdatesrc: [],
    ignorekernelchk: false,
    permission: '755',
    interfaces: [],
    rootlimit: '',
    tmplimit: '',
    noderuntime: '',
    search: false,
    environment: { A: '1' },
    nodeagent: 'once',
    onlyinitrd: false,
    noupdate: false,
    fresh: false,
    addkcmdline: '',
  });

  it('takes the words of distributions for architectures', async () => {
    expect(await checkedBuild(spec())).toMatchObject({
      arch: 'x86_64',
      release: { codename: 'bookworm' },
      architecture: { debian: 'amd64' },
    });
  });

  it.each([
    [{ image: '../x' }, /image name/],
    [{ image: 'a\nb' }, /image name/],
    [{ profile: '$(id)' }, /profile/],
    [{ rootimgdir: '/etc' }, /folder of the system/],
    [{ pkglist: ['relative'] }, /pkglist "relative" must be an absolute path/],
    [{ pkgdir: ['file:///x'] }, /neither an absolute folder/],
    [{ pkgdir: ['http://x/`id`'] }, /neither an absolute folder/],
    [{ netdrivers: ['-f'] }, /network driver/],
    [{ kernelver: '6;x' }, /kernel version/],
    [{ environment: { 'A B': '1' } }, /no name of an environment variable/],
    [{ environment: { A: 1 } }, /environment.A must be a text/],
    [{ nodeagent: 'never' }, /one of once, stay/],
    [{ fresh: 'yes' }, /fresh must be true or false/],
    [{ osvers: 'debian11' }, /Node.js/],
    [{ pkglist: 'x' }, /a list of texts/],
  ])('refuses %j', async (changes, message) => {
    await expect(checkedBuild({ ...spec(), ...changes })).rejects.toThrow(message);
  });
});

describe('releases', () => {
  it('are found by point releases too, and by nothing that only begins alike', () => {
    expect(releaseOf('debian12.11')?.codename).toBe('bookworm');
    expect(releaseOf('debian120')).toBeUndefined();
    expect(unbuildable('debian13', 'aarch64')).toBeUndefined();
    expect(unbuildable('debian13', 'vax')).toBe('debian13 does not exist for the architecture vax.');
  });

  it.each([
    ['rhels8.6.0', 'rh'],
    ['sles12sp3', 'sles'],
    ['sles15.4', 'sles'],
    ['leap15.3', 'sles'],
    ['ubuntu22.04.1', 'ubuntu'],
    ['debian12', 'debian'],
    ['rocky9.4', 'rocky'],
  ])('%s is of the family %s', (osvers, family) => {
    expect(shareFamily(osvers)).toBe(family);
  });
});
