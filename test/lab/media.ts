import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../../shared/process/run.ts';

/** What lies on a medium: text of files, `-> target` of links. A name that ends in `*` is executable. */
export type Content = Readonly<Record<string, string>>;

export async function writeContent(folder: string, content: Content): Promise<void> {
  for (const [name, text] of Object.entries(content)) {
    const path = join(folder, name.replace(/\*$/, ''));
    await mkdir(dirname(path), { recursive: true });
    if (text.startsWith('-> ')) await symlink(text.slice(3), path);
    else {
      await writeFile(path, text);
      await chmod(path, name.endsWith('*') ? 0o755 : 0o644);
    }
  }
}

/** A medium as its makers make it: with Rock Ridge, and Joliet beside it. */
export async function makeIso(folder: string, iso: string): Promise<void> {
  await run('xorriso', ['-no_rc', '-as', 'mkisofs', '-quiet', '-R', '-J', '-V', 'LAB', '-o', iso, folder], {
    timeoutMs: 60_000,
  });
}

const hex = (algorithm: string, text: string | Buffer): string => createHash(algorithm).update(text).digest('hex');

/** `Rocky Linux 9.4`, with digests of its boot files. */
export function elContent(name: string, version: string, arch = 'x86_64'): Content {
  const boot = { 'images/pxeboot/vmlinuz': `kernel of ${name}`, 'images/pxeboot/initrd.img': 'initrd' };
  const repository = { 'BaseOS/repodata/repomd.xml': '<repomd/>', 'AppStream/repodata/repomd.xml': '<repomd/>' };
  const sums = Object.entries({ ...boot, ...repository }).map(
    ([path, text]) => `${path} = sha256:${hex('sha256', text)}`,
  );
  return {
    ...boot,
    ...repository,
    'BaseOS/Packages/b/bash-5.1.8-9.el9.x86_64.rpm': 'a package',
    '.discinfo': `1714856477.203987\n${name} ${version}\n${arch}\n`,
    '.treeinfo': [
      ...['[checksums]', ...sums, '', '[general]', `arch = ${arch}`, `family = ${name}`, `version = ${version}`, ''],
      ...['[release]', `name = ${name}`, `version = ${version}`, ''],
    ].join('\n'),
    'media.repo': `[InstallMedia]\nname=${name} ${version}\n`,
  };
}

/** SLES 15: everything on one medium, digests in CHECKSUMS. */
export function slesContent(pack: string, arch = 'x86_64'): Content {
  const files = {
    'media.1/media': `SUSE - SLE-15-SP${pack}-Full-${arch}-GM-Media1\nSLE-15-SP${pack}-Full-${arch}-GM\n1\n`,
    [`boot/${arch}/loader/linux`]: 'kernel',
    'Module-Basesystem/repodata/repomd.xml': '<repomd/>',
  };
  const sums = Object.entries(files).map(([path, text]) => `${hex('sha256', text)}  ./${path}`);
  return { ...files, CHECKSUMS: `${sums.join('\n')}\n` };
}

export function leapContent(version: string, arch = 'x86_64'): Content {
  return {
    'media.1/media': `openSUSE - openSUSE-Leap-${version}-DVD-${arch}-Build710.3-Media\nopenSUSE-Leap-${version}-DVD-${arch}-Build710.3\n1\n`,
    'media.1/products': `/ openSUSE-Leap ${version}-1\n`,
    'repodata/repomd.xml': '<repomd/>',
  };
}

/** A package that dpkg can install: one file and, where given, a script that runs afterwards. */
export async function makeDeb(
  folder: string,
  name: string,
  parts: { readonly arch?: string; readonly depends?: string; readonly files?: Content } = {},
): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), 'hostler-deb-'));
  const arch = parts.arch ?? 'all';
  const deb = join(folder, `${name}_1.0_${arch}.deb`);
  try {
    await writeContent(work, {
      ...(parts.files ?? { [`usr/share/${name}/here`]: `${name}\n` }),
      'DEBIAN/control': [
        ...[`Package: ${name}`, 'Version: 1.0', `Architecture: ${arch}`, 'Maintainer: Lab <lab@cluster.test>'],
        ...(parts.depends === undefined ? [] : [`Depends: ${parts.depends}`]),
        ...[`Description: ${name} of the lab`, ''],
      ].join('\n'),
    });
    await mkdir(folder, { recursive: true });
    await run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', work, deb]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return deb;
}

/** The indexes of a Debian repository over the packages in `pool/`, and the files by which a medium is known. */
export async function debianMedium(
  folder: string,
  release: { readonly info: string; readonly codename: string; readonly arch?: string },
): Promise<void> {
  const arch = release.arch ?? 'amd64';
  const stanzas: string[] = [];
  for (const path of await filesBelow(folder, 'pool')) {
    const data = await readFile(join(folder, path));
    const { stdout } = await run('dpkg-deb', ['--field', join(folder, path)]);
    stanzas.push(`${stdout.trimEnd()}\nFilename: ${path}\nSize: ${data.length}\nSHA256: ${hex('sha256', data)}\n`);
  }
  const index = `main/binary-${arch}/Packages`;
  const packages = stanzas.join('\n');
  const suite = `dists/${release.codename}`;
  await writeContent(folder, {
    [`${suite}/${index}`]: packages,
    [`${suite}/Release`]: [
      ...['Origin: Debian', 'Label: Debian', 'Suite: stable', `Codename: ${release.codename}`],
      ...['Date: Sat, 10 Feb 2024 11:07:25 UTC', `Architectures: ${arch}`, 'Components: main', 'SHA256:'],
      ` ${hex('sha256', packages)} ${Buffer.byteLength(packages)} ${index}`,
      '',
    ].join('\n'),
    'dists/stable': `-> ${release.codename}`,
    debian: '-> .',
    '.disk/info': release.info,
    'README.txt': 'a medium of the lab\n',
  });
  const sums: string[] = [];
  for (const path of await filesBelow(folder, '.')) {
    sums.push(`${hex('md5', await readFile(join(folder, path)))}  ./${path}`);
  }
  await writeFile(join(folder, 'md5sum.txt'), `${sums.sort().join('\n')}\n`);
}

async function filesBelow(top: string, below: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(top, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) found.push(...(await filesBelow(top, path)));
    else if (entry.isFile()) found.push(path);
  }
  return found.sort();
}
