import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrapArguments } from '../../../../../agent/tasks/image-build/apt/bootstrap.ts';
import { flatSource, withLists } from '../../../../../agent/tasks/image-build/apt/flat.ts';
import { wantedOfApt } from '../../../../../agent/tasks/image-build/apt/lists.ts';
import { formatSources, sourcesOfPkgdir } from '../../../../../agent/tasks/image-build/apt/sources.ts';
import type { Build } from '../../../../../agent/tasks/image-build/spec.ts';
import type { TaskContext } from '../../../../../agent/tasks/types.ts';
import { architectureOf } from '../../../../../shared/distro/architecture.ts';
import { allReleases, releaseOf } from '../../../../../shared/distro/release.ts';
import { run } from '../../../../../shared/process/run.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hostler-apt-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

const buildOf = (osvers: string, arch: string, more: Partial<Build> = {}): Build => {
  const [release, architecture] = [releaseOf(osvers), architectureOf(arch)];
  if (release === undefined || architecture === undefined) throw new Error(osvers);
  const lists = { pkglist: [], otherpkglist: [], environment: {}, kernelver: '' };
  return { release, architecture, osvers, arch: architecture.name, ...lists, ...more } as unknown as Build;
};

const base = 'systemd-sysv udev dbus kmod iproute2 ca-certificates busybox-static';
/** Row, architecture → dpkg's word, suite, components of an address, what every image gets. */
const rows: readonly (readonly [string, string, string, string, string, string])[] = [
  ['debian11', 'x86_64', 'amd64', 'bullseye', 'main', `${base} linux-image-amd64`],
  ['debian12', 'x86_64', 'amd64', 'bookworm', 'main', `${base} nodejs linux-image-amd64`],
  ['debian12', 'ppc64le', 'ppc64el', 'bookworm', 'main', `${base} nodejs linux-image-powerpc64le`],
  ['debian13', 'aarch64', 'arm64', 'trixie', 'main', `${base} nodejs linux-image-arm64`],
  ['debian13', 'riscv64', 'riscv64', 'trixie', 'main', `${base} nodejs linux-image-riscv64`],
  ['debian13', 's390x', 's390x', 'trixie', 'main', `${base} nodejs linux-image-s390x`],
  ['ubuntu20.04', 'x86_64', 'amd64', 'focal', 'main universe', `${base} linux-image-generic`],
  ['ubuntu22.04', 'aarch64', 'arm64', 'jammy', 'main universe', `${base} linux-image-generic`],
  ['ubuntu24.04', 'x86_64', 'amd64', 'noble', 'main universe', `${base} nodejs linux-image-generic`],
];

describe('every release of apt', () => {
  it('has its row here', () => {
    const known = allReleases().flatMap((row) => (row.bootstrap === 'mmdebstrap' ? [row.osvers] : []));
    expect([...new Set(rows.map(([osvers]) => osvers))].sort()).toEqual([...known].sort());
  });

  it.each(rows)('%s for %s', async (osvers, arch, word, suite, components, packages) => {
    const build = buildOf(osvers, arch);
    expect(bootstrapArguments(build, '/t/hook', '/t/apt', '/i/tree')).toEqual([
      ...['--mode=root', '--format=directory', '--variant=minbase', '--verbose', '--skip=update'],
      ...['--aptopt=Apt::Install-Recommends "false"', '--dpkgopt=force-confold', '--dpkgopt=force-unsafe-io'],
      `--architectures=${word}`,
      ...['--setup-hook=/t/hook', '--extract-hook=/t/hook', '--customize-hook=/t/hook'],
      ...[suite, '/i/tree', '/t/apt/sources.list.d/build.sources'],
    ]);
    expect(formatSources(sourcesOfPkgdir(['http://host/os'], suite, build.release.components))).toBe(
      `Types: deb\nURIs: http://host/os\nSuites: ${suite}\nComponents: ${components}\n`,
    );
    expect((await wantedOfApt(build)).packages[0]?.packages.join(' ')).toBe(packages);
  });

  it.each([
    ['6.1.0-18-amd64', 'linux-image-6.1.0-18-amd64'],
    ['6.1.0-18-cloud-amd64', 'linux-image-6.1.0-18-cloud-amd64'],
    ['6.1', 'linux-image-amd64'],
  ])('kernelver %s is the package %s', async (kernelver, name) => {
    expect((await wantedOfApt(buildOf('debian12', 'x86_64', { kernelver }))).packages[0]?.packages).toContain(name);
  });
});

describe('a folder of .deb files', () => {
  const context = (): TaskContext => ({ home: dir, signal: new AbortController().signal }) as unknown as TaskContext;

  it('gets a list elsewhere, one that has a list is taken as it is, and an address too', async () => {
    const folder = join(dir, 'debs');
    const control = join(dir, 'one/DEBIAN');
    await mkdir(control, { recursive: true });
    await mkdir(folder);
    await writeFile(
      join(control, 'control'),
      'Package: one\nVersion: 1:2.0\nArchitecture: all\nMaintainer: lab <lab@lab.test>\nDescription: one\n',
    );
    await run('dpkg-deb', ['--build', join(dir, 'one'), join(folder, 'one.deb')]);
    const remote = { uris: ['http://host/x'], suites: ['./'], components: [], options: {} };
    const [made, kept] = await withLists([flatSource(folder), remote], context());
    expect(kept).toEqual(remote);
    const place = made?.uris[0]?.replace('copy:', '') ?? '';
    expect(place.startsWith(join(dir, 'cache/apt/made/'))).toBe(true);
    expect(await readlink(join(place, 'folder'))).toBe(folder);
    const text = await readFile(join(place, 'Packages'), 'utf8');
    expect(text).toMatch(
      /^Package: one\nVersion: 1:2\.0\n(?:.*\n)+Filename: \.\/folder\/one\.deb\nSize: \d+\nSHA256: [0-9a-f]{64}\n$/,
    );
    await writeFile(join(folder, 'Packages'), '');
    expect(await withLists([flatSource(folder)], context())).toEqual([flatSource(folder)]);
    await expect(withLists([flatSource(join(dir, 'nosuch'))], context())).rejects.toThrow(`The folder ${dir}/nosuch`);
  });
});
