import { describe, expect, it } from 'vitest';
import { networkFiles } from '../../../../../agent/tasks/image-build/network.ts';
import {
  dnfEnable,
  dnfInstall,
  dnfRemove,
  parseRpmLine,
  rpmLine,
  zypperInstall,
  zypperReckon,
  zypperRefresh,
  zypperRemove,
} from '../../../../../agent/tasks/image-build/rpm/arguments.ts';
import { convertArguments } from '../../../../../agent/tasks/image-build/rpm/database.ts';
import { explainOutput, scriptWarnings, unknownPackages } from '../../../../../agent/tasks/image-build/rpm/explain.ts';
import { metadataArguments } from '../../../../../agent/tasks/image-build/rpm/family.ts';
import { disabled } from '../../../../../agent/tasks/image-build/rpm/finish.ts';
import { sortedHeaders } from '../../../../../agent/tasks/image-build/rpm/headers.ts';
import { parsePrimary } from '../../../../../agent/tasks/image-build/rpm/primary.ts';
import { RpmFollower } from '../../../../../agent/tasks/image-build/rpm/progress.ts';
import type { Repository } from '../../../../../agent/tasks/image-build/rpm/repositories.ts';
import {
  dnfConfig,
  imageRepositories,
  rpmMacros,
  zyppConfig,
  zypperRepository,
} from '../../../../../agent/tasks/image-build/rpm/settings.ts';
import { foldersOf, neededPackages, plainNames } from '../../../../../agent/tasks/image-build/rpm/wanted.ts';
import { parseSummary, unknownNames } from '../../../../../agent/tasks/image-build/rpm/zypper.ts';
import type { Build } from '../../../../../agent/tasks/image-build/spec.ts';
import { allReleases, releaseOf } from '../../../../../shared/distro/release.ts';

const buildOf = (osvers: string, arch = 'x86_64', more: Partial<Build> = {}): Build => {
  const release = releaseOf(osvers);
  if (release === undefined) throw new Error(osvers);
  return { release, osvers, arch, kernelver: '', krpmver: '', ...more } as Build;
};
const places = { config: '/t/config', tree: '/i/rootimg' };
const bash = parseRpmLine('bash 5.1.8-6.el9 x86_64');
const perl = parseRpmLine('perl 4:5.32.1-480.el9 x86_64');

/** Row → releasever, platform, module streams, folder and form of the database, what every image gets. */
const enterprise = 'systemd systemd-udev dbus kmod iproute ca-certificates util-linux NetworkManager nodejs kernel';
const fedora = 'systemd systemd-udev dbus kmod iproute ca-certificates util-linux NetworkManager busybox nodejs kernel';
const suse =
  'aaa_base systemd systemd-sysvinit udev dbus-1 kmod iproute2 ca-certificates util-linux wicked busybox-static';
const el = ['rhels', 'rocky', 'alma', 'ol', 'centos-stream'];
const rows: readonly (readonly string[])[] = [
  ...el.map((name) => [`${name}8`, '8', 'platform:el8', 'nodejs:20', '/var/lib/rpm', 'bdb', enterprise]),
  ...el.map((name) => [`${name}9`, '9', 'platform:el9', 'nodejs:20', '/var/lib/rpm', 'sqlite', enterprise]),
  ...el.map((name) => [`${name}10`, '10', 'platform:el10', '', '/usr/lib/sysimage/rpm', 'sqlite', enterprise]),
  ...[39, 40, 41, 42, 43].map((n) => [
    ...[`fedora${n}`, `${n}`, `platform:f${n}`, '', '/usr/lib/sysimage/rpm', 'sqlite', fedora],
  ]),
  ['sles15', '15', '', '', '/usr/lib/sysimage/rpm', 'bdb', `${suse} sles-release libstdc++6 kernel-default`],
  ['sles15.4', '15.4', '', '', '/usr/lib/sysimage/rpm', 'ndb', `${suse} sles-release nodejs18 kernel-default`],
  ['sles15.5', '15.5', '', '', '/usr/lib/sysimage/rpm', 'ndb', `${suse} sles-release nodejs18 kernel-default`],
  ['sles15.6', '15.6', '', '', '/usr/lib/sysimage/rpm', 'ndb', `${suse} sles-release nodejs20 kernel-default`],
  ['sles15.7', '15.7', '', '', '/usr/lib/sysimage/rpm', 'ndb', `${suse} sles-release nodejs22 kernel-default`],
  ['leap15', '15', '', '', '/usr/lib/sysimage/rpm', 'bdb', `${suse} openSUSE-release libstdc++6 kernel-default`],
  ['leap15.4', '15.4', '', '', '/usr/lib/sysimage/rpm', 'ndb', `${suse} openSUSE-release nodejs18 kernel-default`],
  ['leap15.5', '15.5', '', '', '/usr/lib/sysimage/rpm', 'ndb', `${suse} openSUSE-release nodejs18 kernel-default`],
  ['leap15.6', '15.6', '', '', '/usr/lib/sysimage/rpm', 'ndb', `${suse} openSUSE-release nodejs20 kernel-default`],
];

describe('every release of RPMs', () => {
  it('has its row here', () => {
    const known = allReleases().flatMap((row) => (row.bootstrap === 'mmdebstrap' ? [] : [row.osvers]));
    expect(rows.map(([osvers]) => osvers).sort()).toEqual([...known].sort());
  });

  it.each(rows)('%s', (osvers, version, platform, streams, folder, form, packages) => {
    const build = buildOf(osvers);
    const { release } = build;
    expect(neededPackages(build, []).join(' ')).toBe(packages);
    expect(release.streams.join(' ')).toBe(streams);
    expect(release.database).toEqual({ folder, backend: form });
    expect(rpmMacros(release, 'sqlite')).toBe(
      `%_dbpath ${folder}\n%_db_backend sqlite\n%_netsharedpath /proc:/sys:/dev\n%_install_langs all\n`,
    );
    expect(convertArguments('/r', release)).toEqual(['/r', '/usr/bin/rpmdb', '--dbpath', folder, '--importdb']);
    if (release.bootstrap === 'dnf') {
      const common = [
        ...['--config=/t/config', '--installroot=/i/rootimg', `--releasever=${version}`],
        ...[`--setopt=module_platform_id=${platform}`, '--forcearch=x86_64', '--assumeyes'],
      ];
      expect(dnfInstall(build, places, [bash, perl])).toEqual([
        ...[...common, '--allowerasing', 'install', '--'],
        ...['bash-0:5.1.8-6.el9.x86_64', 'perl-4:5.32.1-480.el9.x86_64'],
      ]);
      expect(dnfRemove(build, places, [bash])).toEqual([...common, 'remove', '--', 'bash-0:5.1.8-6.el9.x86_64']);
      expect(dnfEnable(build, places, ['nodejs:20'])).toEqual([...common, 'module', 'enable', 'nodejs:20']);
    } else {
      const begin = ['--root=/i/rootimg', '--reposd-dir=/t/config'];
      const end = [`--releasever=${version}`, '--non-interactive', '--no-gpg-checks'];
      expect(zypperRefresh(build, places, '/c')).toEqual([...begin, '--cache-dir=/c', ...end, 'refresh']);
      expect(zypperReckon(build, places, '/c', ['pkgdir-1'], ['bash', '@base'])).toEqual([
        ...['--xmlout', ...begin, '--cache-dir=/c', ...end, '--no-refresh', 'install', '--dry-run'],
        ...['--no-recommends', '--auto-agree-with-licenses', '--no-force-resolution'],
        ...['--repo=pkgdir-1', '--', 'bash', 'pattern()=base'],
      ]);
      expect(zypperInstall(build, places, [bash, perl])).toEqual([
        ...[...begin, ...end, '--no-refresh', 'install', '--no-recommends', '--auto-agree-with-licenses'],
        ...['--force-resolution', '--oldpackage', '--'],
        ...['bash.x86_64=5.1.8-6.el9', 'perl.x86_64=4:5.32.1-480.el9'],
      ]);
      expect(zypperRemove(build, places, [bash])).toEqual([
        ...[...begin, ...end, '--no-refresh', 'remove', '--force-resolution', '--', 'bash.x86_64=5.1.8-6.el9'],
      ]);
    }
  });

  it('another architecture is forced', () => {
    expect(dnfInstall(buildOf('rocky9.4', 'aarch64'), places, [])).toContain('--forcearch=aarch64');
    expect(zyppConfig('ppc64le')).toContain('arch = ppc64le\n');
  });
});

describe('files of a build', () => {
  const local: Repository = { id: 'pkgdir-1-BaseOS', place: '/install/rocky 9/BaseOS', bare: false };
  const remote: Repository = {
    ...{ id: 'otherpkgdir-1', place: 'https://host/repo', bare: false },
    ...{ user: 'me', password: 'secret' },
  };

  it('dnf.conf', () => {
    expect(dnfConfig([local, remote], '/h')).toBe(
      [
        ...['[main]', 'cachedir=/var/cache/dnf', 'logdir=/var/cache/dnf/log', 'persistdir=/var/cache/dnf/state'],
        ...['reposdir=/nonexistent', 'varsdir=/nonexistent', 'plugins=0', 'gpgcheck=0', 'localpkg_gpgcheck=0'],
        ...['install_weak_deps=0', 'best=1', 'skip_if_unavailable=0', 'metadata_expire=-1', 'keepcache=1'],
        ...['clean_requirements_on_remove=0', 'installonly_limit=0', ''],
        ...['[pkgdir-1-BaseOS]', 'name=pkgdir-1-BaseOS', 'baseurl=file:///install/rocky%209/BaseOS', 'enabled=1', ''],
        ...['[otherpkgdir-1]', 'name=otherpkgdir-1', 'baseurl=https://host/repo', 'enabled=1'],
        ...['username=me', 'password=secret', ''],
      ].join('\n'),
    );
  });

  it('repositories of zypper, the password beside them', () => {
    expect(zypperRepository(local, '/h', '/c')).toBe(
      '[pkgdir-1-BaseOS]\nname=pkgdir-1-BaseOS\nenabled=1\nautorefresh=0\nbaseurl=file:///install/rocky%209/BaseOS\n' +
        'type=rpm-md\ngpgcheck=0\nkeeppackages=0\n',
    );
    const text = zypperRepository(remote, '/h', '/c');
    expect(text).toContain('baseurl=https://host/repo?credentials=/c/otherpkgdir-1\n');
    expect(text).toContain('keeppackages=1');
    expect(text).not.toContain('secret');
  });

  it('metadata for a bare folder say nothing of the day', () => {
    expect(metadataArguments('/o', '/made')).toEqual([
      ...['--quiet', '--update', '--no-database', '--revision=0', '--set-timestamp-to-revision'],
      ...['--location-prefix=folder', '--outputdir=/made', '/o'],
    ]);
  });

  it('the image knows repositories that a node can reach, and no password', () => {
    expect(imageRepositories([local, remote])).toBeUndefined();
    expect(imageRepositories([local, { id: 'pkgdir-2', place: 'http://mn/r', bare: false }])).toBe(
      '[hostler-pkgdir-2]\nname=pkgdir-2 of the image\nbaseurl=http://mn/r\nenabled=1\ngpgcheck=0\n',
    );
    expect(disabled('[a]\nname=a\nenabled = 1\n\n[b]\nname=b\n')).toBe(
      '[a]\nenabled=0\nname=a\n\n[b]\nenabled=0\nname=b\n',
    );
  });

  it.each([
    ['debian12', { 'etc/systemd/network/60-hostler-eth1.network': '[Match]\nName=eth1\n\n[Network]\nDHCP=yes\n' }],
    ['ubuntu22.04', { 'etc/systemd/network/60-hostler-eth1.network': '[Match]\nName=eth1\n\n[Network]\nDHCP=yes\n' }],
    ['sles15.5', { 'etc/sysconfig/network/ifcfg-eth1': "BOOTPROTO='dhcp'\nSTARTMODE='auto'\n" }],
    [
      'rocky9',
      {
        'etc/NetworkManager/conf.d/50-hostler.conf':
          '[device-hostler]\nmatch-device=type:ethernet\nkeep-configuration=no\n',
        'etc/NetworkManager/system-connections/eth1.nmconnection':
          '[connection]\nid=eth1\ntype=ethernet\ninterface-name=eth1\n\n[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n',
      },
    ],
  ])('cards of %s', (osvers, files) => {
    const found = networkFiles(buildOf(osvers).release, ['eth1', 'eth1']);
    expect(Object.fromEntries(Object.entries(found).map(([path, { text }]) => [path, text]))).toEqual(files);
    for (const [path, { mode }] of Object.entries(found))
      expect(mode).toBe(path.endsWith('.nmconnection') ? 0o600 : 0o644);
  });
});

describe('what is asked for', () => {
  it.each([
    ['rocky9', {}, [], 'kernel'],
    ['rocky9', { kernelver: '5.14.0-427.el9.x86_64' }, [], 'kernel-5.14.0-427.el9.x86_64'],
    ['rocky9', { kernelver: '5.14.0' }, [], 'kernel-5.14.0*'],
    ['rocky9', { kernelver: '5.14.0', krpmver: '5.14.0-9' }, [], 'kernel-5.14.0-9*'],
    ['sles15.5', { kernelver: '5.14.21-150500.55-default' }, [], 'kernel-default'],
    ['sles15.5', { krpmver: '5.14.21-150500.55.39.1' }, [], 'kernel-default=5.14.21-150500.55.39.1'],
    ['ol9', {}, ['kernel-uek'], 'nodejs'],
  ])('of %s, with %j and %j: %s comes last', (osvers, more, asked, last) => {
    expect(neededPackages(buildOf(osvers, 'x86_64', more), asked).at(-1)).toBe(last);
  });

  it('folders stand before names', () => {
    const pass = { remove: ['x/old'], removeAfter: [], environment: {} };
    const passes = [{ ...pass, packages: ['rsct/src', 'plain', 'a/b/c', '@group'] }];
    expect(foldersOf(passes)).toEqual(['rsct', '', 'a/b']);
    expect(foldersOf([])).toBeUndefined();
    expect(plainNames(passes)[0]).toMatchObject({ packages: ['src', 'plain', 'c', '@group'], remove: ['old'] });
  });
});

describe('what the programs say', () => {
  it.each(['bash 5.1.8-6.el9 x86_64', 'perl 4:5.32.1-480.el9 noarch', 'a-b-c 1.0~rc1-0.2+git x86_64'])('%s', (line) => {
    expect(rpmLine(parseRpmLine(line))).toBe(line);
  });

  it('the summary of zypper, patterns left out', () => {
    const xml =
      '<install-summary><to-install>\n<solvable type="package" name="b" edition="1:2-1" arch="noarch" summary="&lt;">\n' +
      '<description>x</description></solvable>\n<solvable type="pattern" name="base" edition="1-1" arch="x86_64"/>\n' +
      '<solvable type="package" name="a" edition="1-1" arch="x86_64"/></to-install>' +
      '<to-remove><solvable type="package" name="c" edition="1-1" arch="x86_64"/></to-remove></install-summary>';
    expect(parseSummary(xml).map(rpmLine)).toEqual(['a 1-1 x86_64', 'b 1:2-1 noarch']);
    expect(parseSummary('<stream><message type="info">Nothing to do.</message></stream>')).toEqual([]);
  });

  it('names that zypper does not know', () => {
    const said = [
      '<message type="info">&apos;a&apos; not found in package names. Trying capabilities.</message>',
      '<message type="error">No provider of &apos;no&apos; found.</message>',
      "No provider of 'pattern()=group' found.",
    ];
    expect(unknownNames(said.join('\n'))).toEqual(['no', '@group']);
    expect(unknownPackages(['no', '@group']).message).toContain(
      'These packages do not exist in the sources of this build: no, @group.',
    );
  });

  it('the digests of a repository', () => {
    const one = (name: string, epoch: string, digest: string): string =>
      `<package type="rpm">\n  <name>${name}</name>\n  <arch>x86_64</arch>\n  <version epoch="${epoch}" ver="1" rel="2"/>\n` +
      `  <checksum type="sha256" pkgid="YES">${digest}</checksum>\n</package>\n`;
    expect([...parsePrimary(`<metadata packages="2">${one('a', '0', 'aa')}${one('b', '3', 'bb')}</metadata>`)]).toEqual(
      [
        ['a 1-2 x86_64', 'aa'],
        ['b 3:1-2 x86_64', 'bb'],
      ],
    );
  });

  it.each([
    ['  Installing       : bash-5.1.8-6.el9.x86_64               3/120 ', 'installing bash-5.1.8-6.el9.x86_64', 3, 120],
    [
      '  Running scriptlet: bash-5.1.8-6.el9.x86_64               3/120 ',
      'running the script of bash-5.1.8-6.el9.x86_64',
      3,
      120,
    ],
    ['(4/120): bash-5.1.8-6.el9.x86_64.rpm   1.2 MB/s | 1.7 MB  00:01', 'downloading bash-5.1.8-6.el9.x86_64', 4, 120],
    ['( 2/19) Installing: lab-1.0-1.x86_64 [....done]', 'installing lab-1.0-1.x86_64', 2, 19],
    ['Retrieving package lab-1.0-1.x86_64 (2/19), 6.0 KiB (13 B unpacked)', 'downloading lab-1.0-1.x86_64', 2, 19],
  ])('%s', (line, text, done, total) => {
    const found = new RpmFollower(() => 0).line(line);
    expect({ ...found, text: found?.text.split(', ')[0] }).toEqual({ text, done, total });
  });

  it.each([
    [
      'dnf',
      ['Total download size: 40 M', 'Downloading Packages:'],
      '(1/4): bash-5.1.8-6.el9.x86_64.rpm   1.2 MB/s | 10 MB  00:01',
      '(2/4): perl-5.32.1-480.el9.x86_64.rpm   1.2 MB/s | 10 MB  00:01',
      'downloading perl-5.32.1-480.el9.x86_64, 20.0 of 40.0 MB, 2.0 MB/s, about 10 s left',
    ],
    [
      'zypper',
      ['Overall download size: 40.0 MiB. Already cached: 0 B. After the operation, 2.0 KiB will be used.'],
      'Retrieving package lab-1.0-1.x86_64 (1/4), 10.0 MiB ( 30.0 MiB unpacked)',
      'Retrieving package more-1.0-1.x86_64 (2/4), 512.0 KiB ( 13 B unpacked)',
      'downloading more-1.0-1.x86_64, 10.5 of 41.9 MB, 1.0 MB/s, about 10 s left',
    ],
  ])('%s: bytes of how many, rate, time left', (_, before, first, second, text) => {
    let now = 0;
    const follower = new RpmFollower(() => now);
    for (const line of before) expect(follower.line(line)).toBeUndefined();
    now = 5_000;
    follower.line(first);
    now = 10_000;
    expect(follower.line(second)).toEqual({ text, done: 2, total: 4 });
  });

  it('a failing script speaks first, a full disk and a missing repository are what they are', () => {
    const script = [
      ...['Downloading', 'Running transaction', '  Preparing', 'broken has no licence'],
      ...[
        'error: %prein(broken-1.0-1.x86_64) scriptlet failed, exit status 7',
        'Error in PREIN scriptlet in rpm package broken',
        'Complete',
      ],
    ].join('\n');
    expect(explainOutput(script, 'No').message).toMatch(
      /^No: RPM package manager invocation failed\n(?:.*\n)*broken has no licence\nerror: %prein/,
    );
    expect(scriptWarnings('warning: %post(a-1-1.noarch) scriptlet failed, exit status 2\n')).toEqual([
      'Warning: the script %post of a-1-1.noarch failed (exit status 2).',
    ]);
    expect(explainOutput('Error: At least 12MB more space needed on the / filesystem.', 'No').code).toBe(
      'resource_exhausted',
    );
    expect(
      explainOutput("Errors during downloading metadata for repository 'x':\nError: Failed to download metadata", 'No')
        .code,
    ).toBe('unavailable');
  });
});

describe('the list of headers of a database', () => {
  /** Name, then the times of building and of installation. */
  const header = (name: string, built: number, installed: number): Buffer => {
    const data = Buffer.alloc(Math.ceil((name.length + 1) / 4) * 4 + 8);
    data.write(name);
    const at = data.length - 8;
    data.writeUInt32BE(built, at);
    data.writeUInt32BE(installed, at + 4);
    const index = [
      [1000, 6, 0, 1],
      [1006, 4, at, 1],
      [1008, 4, at + 4, 1],
    ];
    const head = Buffer.alloc(16 + 16 * index.length);
    [0x8eade801, 0, index.length, data.length].forEach((value, place) => head.writeUInt32BE(value, place * 4));
    index.flat().forEach((value, place) => head.writeUInt32BE(value, 16 + place * 4));
    return Buffer.concat([head, data]);
  };

  it('is sorted, and every package was installed when it was built', () => {
    const one = Buffer.concat([header('b', 7, 1000), header('a', 5, 1001)]);
    const other = Buffer.concat([header('a', 5, 99), header('b', 7, 98)]);
    expect(sortedHeaders(one).equals(sortedHeaders(other))).toBe(true);
    expect(sortedHeaders(one).equals(Buffer.concat([header('a', 5, 5), header('b', 7, 7)]))).toBe(true);
    expect(sortedHeaders(Buffer.alloc(0))).toEqual(Buffer.alloc(0));
  });

  it('is refused when it is cut off or no such list', () => {
    expect(() => sortedHeaders(header('a', 1, 2).subarray(0, 40))).toThrow('cut off');
    expect(() => sortedHeaders(Buffer.from('no list of headers at all'))).toThrow('no package header at byte 0');
  });
});
