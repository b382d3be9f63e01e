import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { releaseOf } from '../../shared/distro/release.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';

/** A package of a distribution that is made for tests. */
export interface LabPackage {
  readonly name: string;
  readonly version?: string;
  readonly essential?: boolean;
  readonly depends?: string;
  /** Content by path. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
}

const kernel = '6.1.0-lab';

/**
 * A distribution of packages of a few bytes, in a repository that the real apt reads, and stand-ins for what installs
 * them: `mmdebstrap`, and `apt-get install`, which asks the real apt what to install and unpacks it with dpkg-deb. Every
 * call is written down. So a whole build takes half a second, and everything around the packages is real.
 */
export class DebDistribution {
  /** For PATH, before everything else. */
  readonly bin: string;
  /** For osimage.pkgdir. */
  readonly repository: string;
  readonly #dir: string;
  readonly #packages = new Map<string, LabPackage>();
  readonly #others: string[] = [];

  constructor(dir: string) {
    this.#dir = dir;
    this.bin = join(dir, 'bin');
    this.repository = join(dir, 'repository');
    mkdirSync(this.bin, { recursive: true });
    mkdirSync(join(dir, 'debs'), { recursive: true });
    this.#programs();
    const release = releaseOf('debian12');
    for (const name of ['lab-base', 'apt']) this.has({ name, essential: true });
    for (const name of release?.packages ?? []) this.has({ name });
    this.has({
      name: 'busybox-static',
      files: { 'usr/bin/busybox': readFileSync(which('busybox') ?? '/usr/bin/busybox') },
    });
    this.has(this.kernel('one'));
    this.has({
      name: 'lab-base',
      essential: true,
      files: {
        'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
        'etc/shadow': 'root:*:19000:0:99999:7:::\n',
        'etc/os-release': 'ID=debian\n',
        'usr/lib/systemd/system/multi-user.target': '',
        'var/cache/apt/archives/partial/.keep': '',
        'usr/sbin/keep': '',
        'usr/sbin/init': 'init',
      },
    });
  }

  /** The kernel's package, with one driver of that content. */
  kernel(driver: string, version = '1'): LabPackage {
    const modules = `lib/modules/${kernel}`;
    return {
      name: 'linux-image-amd64',
      version,
      files: {
        [`boot/vmlinuz-${kernel}`]: `kernel ${version}`,
        [`${modules}/modules.dep`]: 'kernel/drivers/net/ethernet/lab.ko:\n',
        [`${modules}/kernel/drivers/net/ethernet/lab.ko`]: driver,
      },
    };
  }

  /** Adds a package, or another version or content of it. */
  has(one: LabPackage): void {
    this.#packages.set(one.name, one);
  }

  hasNot(name: string): void {
    this.#packages.delete(name);
  }

  /** Writes the repository; `folder` for a copy of it elsewhere. */
  async publish(folder = this.repository): Promise<void> {
    const stanzas: string[] = [];
    for (const one of this.#packages.values()) stanzas.push(await this.#stanza(one, folder));
    const lists = join(folder, 'dists/bookworm/main/binary-amd64');
    mkdirSync(lists, { recursive: true });
    const text = stanzas.join('\n');
    writeFileSync(join(lists, 'Packages'), text);
    writeFileSync(
      join(folder, 'dists/bookworm/Release'),
      [
        ...['Origin: Lab', 'Suite: bookworm', 'Codename: bookworm', 'Architectures: amd64', 'Components: main'],
        'Date: Thu, 01 Jan 2026 00:00:00 UTC',
        `SHA256:\n ${digest(text)} ${Buffer.byteLength(text)} main/binary-amd64/Packages`,
        '',
      ].join('\n'),
    );
  }

  /** A flat repository of these packages, for osimage.otherpkgdir. */
  async publishOther(folder: string, packages: readonly LabPackage[]): Promise<void> {
    const stanzas: string[] = [];
    for (const one of packages) stanzas.push(await this.#stanza(one, folder, '.'));
    writeFileSync(join(folder, 'Packages'), stanzas.join('\n'));
    if (!this.#others.includes(folder)) this.#others.push(folder);
    writeFileSync(join(this.#dir, 'pools'), `${[this.repository, ...this.#others].join('\n')}\n`);
  }

  /** What was called since the last `forget`, one line each. */
  commands(): string[] {
    const file = join(this.#dir, 'commands');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  forget(): void {
    rmSync(join(this.#dir, 'commands'), { force: true });
  }

  /** What the program says of its version; without a text what the real one says. */
  version(program: string, text?: string): void {
    const file = join(this.#dir, `${program}.version`);
    if (text === undefined) rmSync(file, { force: true });
    else writeFileSync(file, `${text}\n`);
  }

  async #stanza(one: LabPackage, folder: string, pool = 'pool'): Promise<string> {
    const control = [
      `Package: ${one.name}`,
      `Version: ${one.version ?? '1'}`,
      'Architecture: amd64',
      'Maintainer: Lab <lab@example.com>',
      ...(one.essential === true ? ['Essential: yes', 'Priority: required'] : ['Priority: optional']),
      ...(one.depends === undefined ? [] : [`Depends: ${one.depends}`]),
      'Description: lab',
    ];
    const made = await this.#deb(one, control);
    const target = join(folder, pool, `${one.name}_${one.version ?? '1'}_amd64.deb`);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(made, target);
    return [
      ...control,
      `Filename: ${pool}/${one.name}_${one.version ?? '1'}_amd64.deb`,
      `Size: ${statSync(made).size}`,
      `SHA256: ${digest(readFileSync(made))}`,
      '',
    ].join('\n');
  }

  /** By content, since most are asked for again and again. */
  async #deb(one: LabPackage, control: readonly string[]): Promise<string> {
    const files = Object.entries({ [`usr/share/doc/${one.name}/copyright`]: 'free\n', ...one.files });
    const name = digest(JSON.stringify([control, files.map(([path, text]) => [path, digest(text)])]));
    const file = join(this.#dir, 'debs', `${name}.deb`);
    if (existsSync(file)) return file;
    const work = join(this.#dir, 'work');
    rmSync(work, { recursive: true, force: true });
    mkdirSync(join(work, 'DEBIAN'), { recursive: true });
    writeFileSync(join(work, 'DEBIAN/control'), `${control.join('\n')}\n`);
    for (const [path, text] of files) {
      mkdirSync(dirname(join(work, path)), { recursive: true });
      writeFileSync(join(work, path), text);
    }
    await run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', work, file], {
      env: { SOURCE_DATE_EPOCH: '1700000000' },
    });
    return file;
  }

  #programs(): void {
    const real = (name: string): string => {
      const found = which(name);
      if (found === undefined) throw new Error(`${name} is not installed`);
      return found;
    };
    const dir = this.#dir;
    writeFileSync(join(dir, 'pools'), `${this.repository}\n`);
    const program = (name: string, lines: readonly string[]): void => {
      const said = join(dir, `${name}.version`);
      const head = ['#!/bin/sh', 'set -eu', `dir=${dir}`, `real=${real(name)}`];
      const version = `if [ "\${1:-}" = --version ]; then [ ! -e ${said} ] || exec cat ${said}; exec "$real" "$@"; fi`;
      writeFileSync(join(this.bin, name), `${[...head, version, ...lines].join('\n')}\n`, { mode: 0o755 });
    };
    const note = (name: string): string =>
      `printf '%s\\n' "${name} $*" | tr '\\n' ' ' >>"$dir/commands"; echo >>"$dir/commands"`;
    // Unpacks packages into a tree, and says in dpkg's database that they are installed.
    writeFileSync(
      join(dir, 'unpack'),
      [
        '#!/bin/sh',
        'set -eu',
        'root=$1; shift',
        'mkdir -p "$root/var/lib/dpkg/info"; touch "$root/var/lib/dpkg/status"',
        'for deb; do',
        '  file=; while read -r pool; do for at in "$pool/pool/$deb" "$pool/$deb"; do [ ! -e "$at" ] || file=$at; done; done <' +
          `${dir}/pools`,
        '  name=${deb%%_*}',
        '  echo "Unpacking $name (1) ..."',
        '  dpkg-deb -x "$file" "$root"',
        '  dpkg-deb -c "$file" | sed "s/.* \\.\\//.\\//" >"$root/var/lib/dpkg/info/$name.list"',
        '  awk -v RS= -v ORS="\\n\\n" -v name="$name" \'$0 !~ "^Package: " name "\\n"\' "$root/var/lib/dpkg/status" >"$root/var/lib/dpkg/status.new"',
        '  { dpkg-deb -f "$file" | sed "1a Status: install ok installed"; echo; } >>"$root/var/lib/dpkg/status.new"',
        '  mv "$root/var/lib/dpkg/status.new" "$root/var/lib/dpkg/status"',
        '  echo "Setting up $name (1) ..."',
        'done',
        '',
      ].join('\n'),
      { mode: 0o755 },
    );
    program('mmdebstrap', [
      note('mmdebstrap'),
      'target=; last=; for word; do target=$last; last=$word; done',
      `${dir}/unpack "$target" $(cat "$HOSTLER_WANTED")`,
    ]);
    program('apt-get', [
      'case " $* " in *" --print-uris "*|*" update "*) exec "$real" "$@" ;; esac',
      note('apt-get'),
      `[ ! -e "$dir/apt-fails" ] || { cat "$dir/apt-fails"; exit 100; }`,
      'root=$(sed -n \'s/^DPkg::Chroot-Directory "\\(.*\\)";$/\\1/p\' "$APT_CONFIG")',
      'verb=; names=; for word; do case $word in install|purge) verb=$word ;; -*) ;; *) names="$names $word" ;; esac; done',
      'if [ "$verb" = purge ]; then',
      '  for name in $names; do',
      '    sed "s|^\\./||" "$root/var/lib/dpkg/info/$name.list" | while read -r path; do [ -d "$root/$path" ] || rm -f "$root/$path"; done',
      '    awk -v RS= -v ORS="\\n\\n" -v name="$name" \'$0 !~ "^Package: " name "\\n"\' "$root/var/lib/dpkg/status" >"$root/var/lib/dpkg/status.new"',
      '    mv "$root/var/lib/dpkg/status.new" "$root/var/lib/dpkg/status"; rm -f "$root/var/lib/dpkg/info/$name.list"',
      '  done',
      '  exit 0',
      'fi',
      `debs=$("$real" -qq --print-uris install $names | awk '{ print $2 }')`,
      `[ -z "$debs" ] || ${dir}/unpack "$root" $debs`,
    ]);
    // Whose calls tell that a tree was held for a stage, and that an initrd was packed.
    program('setpriv', [`case "$*" in *view-hold*) ${note('setpriv')} ;; esac`, 'exec "$real" "$@"']);
    program('zstd', [`case "$*" in *"-9"*) ${note('zstd')} ;; esac`, 'exec "$real" "$@"']);
    // A program without a version of two dashes, and one that compresses archives.
    const own = `case " $* " in *" -version "*) [ ! -e "$dir/mksquashfs.version" ] || exec cat "$dir/mksquashfs.version" ;; *) ${note('mksquashfs')} ;; esac`;
    program('mksquashfs', [own, 'exec "$real" "$@"']);
    program('pigz', [note('pigz'), 'exec "$real" "$@"']);
    program('dpkg', ['exec "$real" "$@"']);
  }
}

function digest(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
