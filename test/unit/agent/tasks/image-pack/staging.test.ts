import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { productName } from '../../../../../agent/tasks/image-pack/archive.ts';
import { compile } from '../../../../../agent/tasks/image-pack/exlist.ts';
import { stage } from '../../../../../agent/tasks/image-pack/staging.ts';
import type { Staged } from '../../../../../agent/tasks/image-pack/staging.ts';

let folder = '';
const when = 1_700_000_000;
const put = (path: string, text = '', mode = 0o644): void => {
  const file = join(folder, 'rootimg', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  utimesSync(file, when, when);
};
const packed = (path: string): string => join(folder, 'packing', path);
const staged = (pattern = 'nothing'): Promise<Staged> =>
  stage({
    tree: join(folder, 'rootimg'),
    staging: join(folder, 'packing'),
    image: 'img',
    excluded: compile(pattern),
    signal: new AbortController().signal,
  });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'staging-'));
  put('sbin/init', 'x', 0o755);
  put('etc/shadow', 'root:$6$salt$hash:1:0:::::\ndaemon:*:1::::::\nlocked:!:1::::::\nlocked2:!$6$x:1::::::\n', 0o640);
  put('etc/ssh/ssh_host_rsa_key', 'secret', 0o600);
  put('etc/ssh/sshd_config', '');
  put('usr/share/doc/a/readme');
  put('usr/share/doc/b/copyright');
  for (const path of ['usr/share/doc/a', 'usr/share/doc/b', 'usr/share/doc', 'etc/ssh', 'etc', 'sbin', '.'])
    utimesSync(join(folder, 'rootimg', path), when, when);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('stage', () => {
  it('packs no host key and no password hash, and leaves the tree as it was', async () => {
    await staged();
    expect(existsSync(packed('etc/ssh/ssh_host_rsa_key'))).toBe(false);
    expect(readFileSync(packed('etc/shadow'), 'utf8')).toBe(
      'root:*:1:0:::::\ndaemon:*:1::::::\nlocked:!:1::::::\nlocked2:*:1::::::\n',
    );
    expect(lstatSync(packed('etc/shadow')).mode & 0o777).toBe(0o640);
    expect(readFileSync(join(folder, 'rootimg/etc/shadow'), 'utf8')).toContain('$6$salt$hash');
    expect(existsSync(join(folder, 'rootimg/etc/ssh/ssh_host_rsa_key'))).toBe(true);
    expect(existsSync(join(folder, 'rootimg/opt/xcat'))).toBe(false);
  });

  it('leaves out what is excluded; a folder stays while something in it does', async () => {
    const { leftOut } = await staged('./usr/share/doc*');
    expect(leftOut).toBe(6);
    expect(existsSync(packed('usr/share'))).toBe(true);
    expect(existsSync(packed('usr/share/doc'))).toBe(false);
    rmSync(join(folder, 'packing'), { recursive: true });
    await stage({
      tree: join(folder, 'rootimg'),
      staging: join(folder, 'packing'),
      image: 'img',
      excluded: (path) => compile('./usr/share/doc*')(path) && !compile('./usr/share/doc/*/copyright')(path),
      signal: new AbortController().signal,
    });
    expect(existsSync(packed('usr/share/doc/b/copyright'))).toBe(true);
    expect(existsSync(packed('usr/share/doc/a'))).toBe(false);
  });

  it('says which image it is; the same tree is the same to the second', async () => {
    const first = await staged();
    const info = readFileSync(packed('opt/xcat/xcatinfo'), 'utf8');
    expect(info).toBe(
      `IMAGENAME='img'\nIMAGEUUID='${first.uuid}'\nTIMESTAMP='${new Date(first.newest * 1000).toUTCString()}'\n`,
    );
    expect(lstatSync(packed('opt/xcat/xcatinfo')).mtimeMs).toBe(first.newest * 1000);
    expect(lstatSync(packed('etc')).mtimeMs).toBe(when * 1000);
    rmSync(join(folder, 'packing'), { recursive: true });
    expect(await staged()).toEqual(first);
    rmSync(join(folder, 'packing'), { recursive: true });
    put('etc/motd', 'edited by hand');
    expect((await staged()).uuid).not.toBe(first.uuid);
  });

  it('keeps links hard and soft', async () => {
    put('bin/a', 'x');
    linkSync(join(folder, 'rootimg/bin/a'), join(folder, 'rootimg/bin/b'));
    symlinkSync('/nowhere', join(folder, 'rootimg/bin/c'));
    await staged();
    expect(lstatSync(packed('bin/a')).ino).toBe(lstatSync(packed('bin/b')).ino);
    expect(lstatSync(packed('bin/c')).isSymbolicLink()).toBe(true);
  });

  it('refuses to pack what nothing can be started in', async () => {
    await expect(staged('./*')).rejects.toThrow('leaves no /sbin/init');
    expect(existsSync(join(folder, 'rootimg/sbin/init'))).toBe(true);
  });
});

describe('productName', () => {
  it.each([
    ['squashfs', 'zstd', 'rootimg.sfs'],
    ['cpio', 'pigz', 'rootimg.cpio.gz'],
    ['tar', 'xz', 'rootimg.tar.xz'],
  ] as const)('%s %s', (method, compress, name) => {
    expect(productName(method, compress)).toBe(name);
  });
});
