import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { passwordHash } from '../../../../../agent/tasks/image-pack/accounts.ts';
import { Additions } from '../../../../../agent/tasks/image-pack/additions.ts';
import { compressorsOn, pack, productPattern, squashfsOptions } from '../../../../../agent/tasks/image-pack/archive.ts';
import { compile, exclusionTest } from '../../../../../agent/tasks/image-pack/exlist.ts';
import { hardLinked } from '../../../../../agent/tasks/image-pack/hard-linked.ts';
import { survey, type Survey } from '../../../../../agent/tasks/image-pack/survey.ts';
import { applySynclists } from '../../../../../agent/tasks/image-pack/sync-files.ts';
import {
  checkedTimezone,
  setTimezone,
  withTimezone,
  zoneBeside,
} from '../../../../../agent/tasks/image-pack/timezone.ts';
import type { TaskContext } from '../../../../../agent/tasks/types.ts';
import { run } from '../../../../../shared/process/run.ts';
import { which } from '../../../../../shared/process/which.ts';
import { packedName, type ImagePackSpec } from '../../../../../shared/task/image-pack.ts';

let folder = '';
const when = 1_700_000_000;
const signal = new AbortController().signal;
const logs: string[] = [];
const context: TaskContext = {
  id: 'j.t',
  spec: null,
  dir: '/nowhere',
  home: '/nowhere',
  installDir: '/nowhere',
  tftpDir: '/nowhere',
  correlation: 'c',
  signal,
  log: (line) => void logs.push(line),
  progress: () => undefined,
};
const put = (path: string, text = '', mode = 0o644): void => {
  const file = join(folder, 'rootimg', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  utimesSync(file, when, when);
};
const tree = (): string => join(folder, 'rootimg');
const packed = (path: string): string => join(folder, 'packed', path);
const nothing = compile('nothing');

interface Made {
  readonly surveyed: Survey;
  readonly additions: Additions;
  readonly bytes: Buffer;
}

/** Packs, and unpacks what was packed into `packed`. */
async function made(
  excluded = nothing,
  method: 'squashfs' | 'tar' | 'cpio' = 'squashfs',
  synclists: string[] = [],
  root = '',
  zone = '',
  compress: ImagePackSpec['compress'] = method === 'squashfs' ? 'zstd' : 'gzip',
): Promise<Made> {
  const work = join(folder, 'work');
  for (const name of ['work', 'packed']) rmSync(join(folder, name), { recursive: true, force: true });
  mkdirSync(join(work, 'added'), { recursive: true });
  const surveyed = survey(tree(), excluded);
  const additions = new Additions(tree(), surveyed, join(work, 'added'));
  await applySynclists(synclists, tree(), additions);
  await setTimezone(zone, tree(), additions);
  await additions.put('opt/xcat/xcatinfo', `IMAGEUUID='${surveyed.uuid}'\n`);
  await additions.lockAccounts(root);
  const output = join(work, 'image');
  const list = additions.list();
  await pack(
    { method, compress, tree: tree(), survey: surveyed, additions: list, folder: additions.folder, work, output },
    context,
  );
  if (method === 'squashfs') await run('unsquashfs', ['-quiet', '-no-progress', '-dest', packed(''), output]);
  else {
    mkdirSync(packed(''));
    await run(
      'sh',
      ['-c', `${compress} -dc "$1" | ${method === 'tar' ? 'tar -xpf -' : 'cpio -idmu --quiet'}`, 'sh', output],
      {
        cwd: packed(''),
      },
    );
  }
  return { surveyed, additions, bytes: readFileSync(output) };
}

const able = process.getuid?.() === 0 && which('mksquashfs') !== undefined && which('cpio') !== undefined;

beforeEach(() => {
  logs.length = 0;
  folder = mkdtempSync(join(tmpdir(), 'packing-'));
  put('sbin/init', 'x', 0o755);
  put('etc/shadow', 'root:$6$salt$hash:1:0:::::\ndaemon:*:1::::::\nlocked:!:1::::::\nlocked2:!$6$x:1::::::\n', 0o640);
  put('etc/ssh/ssh_host_rsa_key', 'secret', 0o600);
  put('etc/ssh/sshd_config', '');
  put('usr/share/doc/a/read me [1] #x', 'odd');
  put('usr/share/doc/b/copyright');
  for (const path of ['usr/share/doc/a', 'usr/share/doc/b', 'usr/share/doc', 'etc/ssh', 'etc', 'sbin', '.'])
    utimesSync(join(folder, 'rootimg', path), when, when);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!able).each(['squashfs', 'tar', 'cpio'] as const)('%s', (method) => {
  it('has no host key and no password hash, and leaves the tree as it was', async () => {
    const { additions } = await made(nothing, method);
    expect(existsSync(packed('etc/ssh/ssh_host_rsa_key'))).toBe(false);
    expect(existsSync(packed('etc/ssh/sshd_config'))).toBe(true);
    expect(readFileSync(packed('etc/shadow'), 'utf8')).toBe(
      'root:*:1:0:::::\ndaemon:*:1::::::\nlocked:!:1::::::\nlocked2:*:1::::::\n',
    );
    expect(lstatSync(packed('etc/shadow')).mode & 0o777).toBe(0o640);
    expect(lstatSync(packed('etc/shadow')).mtimeMs).toBe(when * 1000);
    expect(lstatSync(packed('etc')).mtimeMs).toBe(when * 1000);
    expect(additions.nodeFiles()?.hashes).toEqual({ '/etc/shadow': { root: '$6$salt$hash', locked2: '!$6$x' } });
    expect(readFileSync(join(tree(), 'etc/shadow'), 'utf8')).toContain('$6$salt$hash');
    expect(existsSync(join(tree(), 'etc/ssh/ssh_host_rsa_key'))).toBe(true);
    expect(existsSync(join(tree(), 'opt/xcat'))).toBe(false);
  });

  it('leaves out what is excluded; a folder stays while something in it does', async () => {
    const { surveyed } = await made(compile('./usr/share/doc*'), method);
    expect(surveyed.leftOut).toBe(6);
    expect(existsSync(packed('usr/share'))).toBe(true);
    expect(existsSync(packed('usr/share/doc'))).toBe(false);
    const copyright = compile('./usr/share/doc/*/copyright');
    await made((path) => compile('./usr/share/doc*')(path) && !copyright(path), method);
    expect(existsSync(packed('usr/share/doc/b/copyright'))).toBe(true);
    expect(existsSync(packed('usr/share/doc/a'))).toBe(false);
  });

  it('leaves out one file of odd name, and none beside it', async () => {
    put('usr/share/doc/a/read me 1 x');
    await made((path) => path === './usr/share/doc/a/read me [1] #x', method);
    expect(existsSync(packed('usr/share/doc/a/read me [1] #x'))).toBe(false);
    expect(existsSync(packed('usr/share/doc/a/read me 1 x'))).toBe(true);
  });

  it.skipIf(which('setfattr') === undefined)(
    'keeps capabilities and attributes, or says that it does not',
    async () => {
      // cap_net_raw=ep
      const capability = '0x0100000200200000000000000000000000000000';
      const file = join(tree(), 'sbin/init');
      await run('setfattr', ['-n', 'security.capability', '-v', capability, file]);
      await run('setfattr', ['-n', 'security.lab', '-v', 'yes', file]);
      await made(nothing, method);
      const said = logs.join('\n');
      if (method === 'squashfs') {
        const args = ['--absolute-names', '-d', '-m', '-', '-e', 'hex', packed('sbin/init')];
        const { stdout } = await run('getfattr', args);
        expect(stdout).toContain(`security.capability=${capability}\n`);
        expect(stdout).toContain('security.lab=0x796573\n');
        expect(said).not.toContain('no file capabilities');
      } else expect(said).toMatch(/no file capabilities and no extended attributes; (?:with )?squashfs/);
    },
  );

  it('has the time zone of the site, whatever the exclude list says', async () => {
    put('usr/share/zoneinfo/Etc/UTC', 'utc');
    put('usr/share/zoneinfo/Europe/Berlin', 'berlin');
    symlinkSync('Berlin', join(tree(), 'usr/share/zoneinfo/Europe/Oslo'));
    put('etc/timezone', 'Etc/UTC\n');
    symlinkSync('/usr/share/zoneinfo/Etc/UTC', join(tree(), 'etc/localtime'));
    const zone = 'Europe/Oslo';
    const exlist = await withTimezone({ leaveOut: ['./usr/share/zoneinfo*'], takeIn: [] }, zone, tree());
    await made(exclusionTest(exlist), method, [], '', zone);
    expect(readlinkSync(packed('etc/localtime'))).toBe('../usr/share/zoneinfo/Europe/Oslo');
    expect(readFileSync(packed('etc/localtime'), 'utf8')).toBe('berlin');
    expect(readFileSync(packed('etc/timezone'), 'utf8')).toBe('Europe/Oslo\n');
    expect(existsSync(packed('usr/share/zoneinfo/Etc/UTC'))).toBe(false);
    expect(readlinkSync(join(tree(), 'etc/localtime'))).toBe('/usr/share/zoneinfo/Etc/UTC');
  });

  it('keeps links hard and soft, also when one name of a hard link is left out', async () => {
    put('bin/a', 'x');
    for (const name of ['b', 'c']) linkSync(join(tree(), 'bin/a'), join(tree(), `bin/${name}`));
    symlinkSync('/nowhere', join(tree(), 'bin/d'));
    await made((path) => path === './bin/a', method);
    expect(existsSync(packed('bin/a'))).toBe(false);
    expect(lstatSync(packed('bin/b')).ino).toBe(lstatSync(packed('bin/c')).ino);
    expect(lstatSync(packed('bin/d')).isSymbolicLink()).toBe(true);
  });

  it('is the same for the same tree, in another folder and under another umask', async () => {
    const first = await made(nothing, method);
    const moved = `${folder}-moved`;
    await run('cp', ['--archive', folder, moved]);
    const before = folder;
    const mask = process.umask(0o077);
    try {
      folder = moved;
      const second = await made(nothing, method);
      expect(second.bytes.equals(first.bytes)).toBe(true);
      expect(second.surveyed.uuid).toBe(first.surveyed.uuid);
      put('etc/motd', 'edited by hand');
      expect((await made(nothing, method)).bytes.equals(first.bytes)).toBe(false);
    } finally {
      process.umask(mask);
      rmSync(moved, { recursive: true, force: true });
      folder = before;
    }
  });
});

const archives = ['tar', 'cpio'].flatMap((method) =>
  ['zstd', 'gzip', 'pigz', 'xz', 'lz4'].map((compress) => [method, compress] as const),
);

describe.skipIf(!able)('an archive', () => {
  it.each(archives)('%s packed with %s is the same for the same tree, and unpacks', async (method, compress) => {
    if (which(compress) === undefined) return;
    // Several blocks of the compressors.
    put('usr/share/many', 'one line of many\n'.repeat(600_000));
    const pack = async () => (await made(nothing, method as 'tar', [], '', '', compress as 'zstd')).bytes;
    const first = await pack();
    expect((await pack()).equals(first)).toBe(true);
    expect(readFileSync(packed('usr/share/many')).equals(readFileSync(join(tree(), 'usr/share/many')))).toBe(true);
  });
});

describe.skipIf(!able)('how many processors pack', () => {
  beforeEach(() => {
    // More than a block of each, which is not the same all through, and quick to compress.
    const pieces = Array.from({ length: 36 }, (_, at) => `piece ${at}\n`.repeat(100).padEnd(1 << 20, '\0'));
    put('usr/share/many', pieces.join(''));
    for (let file = 0; file < 50; file += 1) put(`usr/share/small/${file}`, `small ${file}\n`.repeat(500 * file));
  });

  it.each(['pigz', 'xz', 'zstd', 'gzip', 'lz4'] as const)(
    'does not show in what %s makes',
    async (compress) => {
      if (which(compress) === undefined) return;
      const bytes = async (processors: number): Promise<Buffer> => {
        const [program, ...args] = compressorsOn(processors)[compress];
        const line = '"$@" <"$file" >"$out"';
        const env = { file: join(tree(), 'usr/share/many'), out: join(folder, 'out') };
        await run('sh', ['-c', line, 'sh', program, ...args], { env });
        return readFileSync(env.out);
      };
      const one = await bytes(1);
      for (const processors of [2, 3, 8]) expect((await bytes(processors)).equals(one)).toBe(true);
    },
    60_000,
  );

  it('does not show in a squashfs', async () => {
    const bytes = async (processors: string): Promise<Buffer> => {
      const out = join(folder, `out.${processors}`);
      const options = ['-noappend', '-no-progress', '-mkfs-time', String(when), '-processors', processors];
      await run('mksquashfs', [tree(), out, ...options, ...(squashfsOptions['zstd'] ?? [])]);
      return readFileSync(out);
    };
    const one = await bytes('1');
    for (const processors of ['2', '5']) expect((await bytes(processors)).equals(one)).toBe(true);
  }, 60_000);
});

describe.skipIf(!able)('a program that fails while a cpio archive is made', () => {
  afterEach(() => vi.unstubAllEnvs());
  it.each([
    ['the compressor, in the middle', 'zstd', 'head -c 1000 >/dev/null; echo "no room" >&2; exit 70', 'no room'],
    ['the compressor, at once', 'zstd', 'echo "no room" >&2; exit 70', 'no room'],
    ['cpio, before it writes', 'cpio', 'case "$*" in *--directory=*/rootimg*) echo "gone" >&2; exit 2 ;; esac', 'gone'],
    [
      'cpio, in the middle',
      'cpio',
      'case "$*" in *--directory=*/rootimg*) "$real" "$@"; echo "gone" >&2; exit 2 ;; esac',
      'gone',
    ],
  ])('%s: it is heard, and nothing waits for it', async (_, name, lines, message) => {
    put('usr/share/many', 'one line of many\n'.repeat(600_000));
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    const real = which(name) ?? '';
    writeFileSync(join(bin, name), `#!/bin/sh\nreal=${real}\n${lines}\nexec "$real" "$@"\n`, { mode: 0o755 });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`);
    const failure = await made(nothing, 'cpio', [], '', '', 'zstd').then(() => undefined, String);
    expect(failure).toContain(message);
    expect(existsSync(join(folder, 'work/image'))).toBe(false);
  });
});

describe.skipIf(!able)('synclists', () => {
  const list = (text: string): string[] => {
    writeFileSync(join(folder, 'list'), text);
    return [join(folder, 'list')];
  };
  beforeEach(() => {
    mkdirSync(join(folder, 'src/private'), { recursive: true });
    writeFileSync(join(folder, 'src/open'), 'open', { mode: 0o644 });
    writeFileSync(join(folder, 'src/secret'), 'secret', { mode: 0o600 });
    writeFileSync(join(folder, 'src/private/key'), 'key', { mode: 0o644 });
    chmodSync(join(folder, 'src/private'), 0o700);
    writeFileSync(join(folder, 'src/more.passwd'), 'eve:x:1000:1000::/:/bin/sh\nroot:x:0:0:new:/:/bin/sh\n');
    writeFileSync(join(folder, 'src/more.shadow'), 'eve:$6$e:1::::::\n', { mode: 0o600 });
    put('etc/passwd', 'root:x:0:0:old:/root:/bin/sh\n');
  });

  it('puts in what everybody may read, and keeps the rest for the node', async () => {
    const from = join(folder, 'src');
    const text = `${from}/* -> /etc/site/\n${from}/private -> /root/private\nEXECUTE:\n/x.post\n`;
    const { additions } = await made(nothing, 'squashfs', list(text.replace('/* ', '/[os]* ')));
    expect(readFileSync(packed('etc/site/open'), 'utf8')).toBe('open');
    expect(existsSync(packed('etc/site/secret'))).toBe(false);
    expect(existsSync(packed('root/private/key'))).toBe(false);
    expect(lstatSync(packed('root/private')).mode & 0o777).toBe(0o700);
    const files = additions.nodeFiles()?.files ?? [];
    expect(files.map(({ path, mode }) => [path, mode])).toEqual([
      ['/etc/site/secret', 0o600],
      ['/root/private/key', 0o644],
    ]);
    expect(Buffer.from(files[0]?.base64 ?? '', 'base64').toString()).toBe('secret');
  });

  it('appends and merges; merged hashes go to the node', async () => {
    const from = join(folder, 'src');
    const text = [
      'APPEND:',
      `${from}/open -> /etc/ssh/sshd_config`,
      `${from}/secret -> /etc/ssh/sshd_config`,
      'MERGE:',
      `${from}/more.passwd -> /etc/passwd`,
      `${from}/more.shadow -> /etc/shadow`,
    ];
    const { additions } = await made(nothing, 'squashfs', list(text.join('\n')));
    expect(readFileSync(packed('etc/ssh/sshd_config'), 'utf8')).toBe('open');
    expect(readFileSync(packed('etc/passwd'), 'utf8')).toBe('root:x:0:0:new:/:/bin/sh\neve:x:1000:1000::/:/bin/sh\n');
    expect(readFileSync(packed('etc/shadow'), 'utf8')).toContain('eve:*:1');
    expect(additions.nodeFiles()).toMatchObject({
      files: [{ path: '/etc/ssh/sshd_config', how: 'append' }],
      hashes: { '/etc/shadow': { eve: '$6$e', root: '$6$salt$hash' } },
    });
  });

  it.each([
    ['/a -> /etc/../../x', 'must not contain ..'],
    ['a -> /b', 'must be an absolute path'],
    ['/a /b', "is not 'SOURCE ... -> DESTINATION'"],
    ['/nosuch -> /b', '/nosuch, which a synclist names, is not there'],
    ['MERGE:\n/a -> /etc/hosts', 'MERGE goes into /etc/passwd'],
  ])('refuses %j', async (text, why) => {
    await expect(made(nothing, 'squashfs', list(text))).rejects.toThrow(why);
  });

  it('does not follow a link of the tree out of it', async () => {
    symlinkSync('/', join(tree(), 'out'));
    await made(nothing, 'squashfs', list(`${join(folder, 'src/open')} -> /out/opt/here\n`));
    expect(readFileSync(packed('opt/here'), 'utf8')).toBe('open');
  });
});

describe.skipIf(!able)('the password of root', () => {
  it('is brought to nodes in the place of the tree’s, and is the same for the same image', async () => {
    const root = await passwordHash('cluster', 'an image', signal);
    expect(root).toMatch(/^\$6\$[0-9a-f]{16}\$/);
    expect(await passwordHash('cluster', 'an image', signal)).toBe(root);
    expect(await passwordHash(root, 'another', signal)).toBe(root);
    expect(await passwordHash('', 'an image', signal)).toBe('');
    const { additions } = await made(nothing, 'squashfs', [], root);
    expect(additions.nodeFiles()?.hashes['/etc/shadow']).toEqual({ root, locked2: '!$6$x' });
    expect(readFileSync(packed('etc/shadow'), 'utf8')).toContain('root:*:1:0');
  });
});

describe.skipIf(!able)('an old mksquashfs', () => {
  it('gets a tree of hard links with the additions over it', async () => {
    const { surveyed, additions } = await made(compile('./usr/share/doc/b*'));
    const work = join(folder, 'old');
    mkdirSync(work);
    const request = { method: 'squashfs', compress: 'zstd', tree: tree(), survey: surveyed, work, output: '' } as const;
    const linked = await hardLinked({ ...request, additions: additions.list(), folder: additions.folder }, signal);
    const compared = await run('diff', ['--recursive', '--no-dereference', linked, packed('')], { allowExit: 'any' });
    expect(compared.stdout).toBe('');
    expect(lstatSync(join(linked, 'sbin/init')).ino).toBe(lstatSync(join(tree(), 'sbin/init')).ino);
    expect(lstatSync(join(linked, 'etc')).mtimeMs).toBe(when * 1000);
  });
});

describe('survey', () => {
  it.each(['./*', '*', './sbin*'])('refuses to pack what nothing can be started in: %s', (pattern) => {
    expect(() => survey(tree(), compile(pattern))).toThrow('leaves no /sbin/init');
  });
});

describe('site.timezone', () => {
  it('leaves alone what was set by hand', () => {
    expect(zoneBeside('Europe/Berlin', [{ path: './etc' }])).toBe('Europe/Berlin');
    expect(zoneBeside('Europe/Berlin', [{ path: './etc' }, { path: './etc/localtime' }])).toBe('');
  });

  it('that the image does not have is told; what leads elsewhere is refused', async () => {
    const additions = new Additions(tree(), survey(tree(), nothing), join(folder, 'added'));
    expect(await setTimezone('Europe/Berlin', tree(), additions)).toContain('Add tzdata to the pkglist');
    expect(await setTimezone('Etc/UTC', tree(), additions)).toBeUndefined();
    expect(additions.list()).toEqual([]);
    expect(checkedTimezone('America/Argentina/Buenos_Aires')).toBe('America/Argentina/Buenos_Aires');
    for (const zone of ['../../../etc/shadow', '/etc/shadow', 'Europe/', 'a b'])
      expect(() => checkedTimezone(zone)).toThrow();
  });
});

describe('packedName', () => {
  it.each([
    ['squashfs', 'zstd', 'rootimg.sfs'],
    ['cpio', 'pigz', 'rootimg.cpio.gz'],
    ['tar', 'xz', 'rootimg.tar.xz'],
    ['cpio', 'zstd', 'rootimg.cpio.zst'],
    ['tar', 'lz4', 'rootimg.tar.lz4'],
  ] as const)('%s %s', (method, compress, name) => {
    expect(packedName(method, compress)).toBe(name);
    expect(productPattern.test(name)).toBe(true);
  });
});
