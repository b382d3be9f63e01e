import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { recognise, type MediumText } from '../../../../shared/distro/media.ts';
import { listNames } from '../../../../shared/distro/media-lists.ts';
import { releaseOf } from '../../../../shared/distro/release.ts';

function medium(files: Readonly<Record<string, string>>): MediumText {
  const names = (folder: string): string[] => {
    const below = folder === '' ? '' : `${folder}/`;
    const under = Object.keys(files).filter((path) => path.startsWith(below));
    return [...new Set(under.map((path) => path.slice(below.length).split('/')[0] ?? ''))];
  };
  return { text: (path) => (Object.hasOwn(files, path) ? files[path] : undefined), names };
}

const what = (files: Readonly<Record<string, string>>, name = ''): string => {
  const found = recognise(medium(files), { name, arch: '' });
  return found === undefined ? 'nothing' : `${found.osvers} ${found.arch} ${found.disc} ${found.folder}`.trim();
};
const debian = (info: string): string => what({ '.disk/info': info });
const disc = (line: string, tree = '', arch = 'x86_64', number = ''): string =>
  what({ '.discinfo': `1714856477.2\n${line}\n${arch}\n${number}\n`, '.treeinfo': tree });

describe('a medium is recognised', () => {
  it.each([
    [
      'Debian GNU/Linux 12.5.0 "Bookworm" - Official amd64 DVD Binary-1 with firmware 20240210-11:28',
      'debian12.5.0 x86_64 1',
    ],
    ['Debian GNU/Linux 12.5.0 "Bookworm" - Official arm64 DVD Binary-3 20240210-11:28', 'debian12.5.0 aarch64 3 disc3'],
    ['Debian GNU/Linux 12.5.0 "Bookworm" - Official ppc64el NETINST with firmware 20240210', 'debian12.5.0 ppc64el 1'],
    ['Ubuntu-Server 22.04.1 LTS "Jammy Jellyfish" - Release amd64 (20220809)', 'ubuntu22.04.1 x86_64 1'],
    ['Ubuntu-Server 23.10 "Mantic Minotaur" - Release riscv64 (20231011)', 'ubuntu23.10 riscv64 1'],
    ['Ubuntu 24.04 LTS "Noble Numbat" - Release amd64 (20240424)', 'ubuntu24.04 x86_64 1'],
    ['Gentoo 1', 'nothing'],
  ])('Debian and Ubuntu: %s', (info, name) => expect(debian(info)).toBe(name));

  it.each([
    ['Red Hat Enterprise Linux 8.2.0', '', 'rhels8.2.0'],
    ['Red Hat Enterprise Linux 9.4', '', 'rhels9.4'],
    ['Red Hat Enterprise Linux Server 5', '', 'rhels5'],
    ['7.4', '[general]\nfamily = CentOS\nversion = 7\n', 'centos7.4'],
    ['151215', '[general]\nname = CentOS AltArch-7\nfamily = CentOS AltArch\nversion = 7\n', 'centos7'],
    ['CentOS Linux 8', '[general]\nversion = 8.1\n', 'centos8.1'],
    ['CentOS Stream 9', '[general]\nversion = 9\n', 'centos-stream9'],
    ['9', '[release]\nname = CentOS Stream\nversion = 9\n', 'centos-stream9'],
    ['Rocky Linux 9.4', '', 'rocky9.4'],
    ['Rocky Linux 8', '[general]\nversion = 8.5\n', 'rocky8.5'],
    ['AlmaLinux 9.2', '', 'alma9.2'],
    ['Oracle Linux 8.5.0', '', 'ol8.5'],
    ['Fedora 38', '', 'fedora38'],
    ['Fedora-Server 40', '', 'fedora40'],
    ['Scientific Linux 7.9', '', 'SL7.9'],
    ['Something 1', '', 'nothing'],
  ])('Enterprise Linux: %s', (line, tree, name) =>
    expect(disc(line, tree)).toBe(name === 'nothing' ? name : `${name} x86_64`),
  );

  it('one without .discinfo, by its tree', () => {
    const tree = '[general]\narch = aarch64\nfamily = Rocky Linux\nversion = 9.3\n';
    expect(what({ '.treeinfo': tree })).toBe('rocky9.3 aarch64');
    expect(disc('Rocky Linux 9.4', '', 'i686', '2')).toBe('rocky9.4 x86 2');
  });

  it.each([
    ['SUSE - SLE-15-SP3-Full-x86_64-GM-Media1\n', '', '', 'sles15.3 x86_64 1 1'],
    ['SUSE - SLE-15-Installer-DVD-ppc64le-GM-DVD1\n', '', '', 'sles15 ppc64le 1 1'],
    ['SUSE - SLE-15-SP1-Packages-x86_64-GM-DVD1\n', '', '', 'sles15.1 x86_64 2 2'],
    [
      'SUSE\nx\n1\n',
      '/ SUSE-Linux-Enterprise-Server 12 12.3-0\n',
      'VERSION 12.3-0\nBASEARCHS x86_64\n',
      'sles12.3 x86_64 1 1',
    ],
    [
      'SUSE\nx\n1\n',
      '/ SUSE-Linux-Enterprise-Software-Development-Kit\n',
      'VERSION 11.3\nDEFAULTBASE ppc64\n',
      'sles11.3 ppc64 sdk1 sdk1',
    ],
    [
      'openSUSE - openSUSE-Leap-15.6-DVD-x86_64-Build710.3-Media\n',
      '/ openSUSE-Leap 15.6-1\n',
      '',
      'leap15.6 x86_64 1 1',
    ],
    ['nobody\n', '', '', 'nothing'],
  ])('SUSE: %s', (media, products, content, name) =>
    expect(what({ 'media.1/media': media, 'media.1/products': products, content })).toBe(name),
  );

  it('by the name that it is given, if it can be of that family', () => {
    const info = { '.disk/info': 'Ubuntu-Server 22.04.1 LTS "Jammy Jellyfish" - Release amd64 (20220809)' };
    expect(what(info, 'ubuntu-hpc')).toBe('ubuntu-hpc x86_64 1');
    expect(what(info, 'rocky9')).toBe('nothing');
    expect(what(info, 'my-os')).toBe('nothing');
    expect(what({ 'repodata/repomd.xml': '' }, 'centos7.6')).toBe('centos7.6');
    expect(what({ 'BaseOS/repodata/repomd.xml': '' }, 'rhels10.0')).toBe('rhels10.0');
    expect(what({ 'holiday/picture.jpg': '' }, 'centos7.6')).toBe('nothing');
  });

  it('never by what makes a name that leaves its folder', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom('.disk/info', '.discinfo', '.treeinfo', 'media.1/media'),
        (noise, file) => {
          const line = `Rocky Linux 9${noise}\nRocky Linux 9${noise}\n${noise}\n[general]\nfamily = Rocky${noise}\nversion=${noise}`;
          expect(what({ [file]: line })).toMatch(/^(?:nothing|[\w.-]+( \w+)*)$/);
        },
      ),
    );
  });

  it('under a name that genimage builds', () => {
    for (const [name, row] of [
      ['debian12.5.0', 'debian12'],
      ['ubuntu22.04.1', 'ubuntu22.04'],
      ['rhels9.4', 'rhels9'],
      ['centos-stream9', 'centos-stream9'],
      ['ol8.5', 'ol8'],
      ['sles15.6', 'sles15.6'],
      ['leap15.6', 'leap15.6'],
    ] as const) {
      expect(releaseOf(name)?.osvers).toBe(row);
    }
  });
});

describe('lists for a release', () => {
  it('are looked for from the most particular name on', () => {
    expect(listNames('compute', 'rhels7.2', 'ppc64le', 'pkglist')).toEqual([
      'compute.rhels7.2.ppc64le.pkglist',
      'compute.rhels7.2.pkglist',
      'compute.rhel7.ppc64le.pkglist',
      'compute.rhel7.pkglist',
      ...['7.1', '7.0', '7', '6', '5', '4', '3', '2', '1', '0', ''].flatMap((version) => [
        `compute.rhels${version}.ppc64le.pkglist`,
        `compute.rhels${version}.pkglist`,
      ]),
      'compute.ppc64le.pkglist',
      'compute.pkglist',
    ]);
  });
});
