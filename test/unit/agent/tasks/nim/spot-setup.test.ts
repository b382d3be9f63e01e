import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLogin } from '../../../../../agent/tasks/nim/login/index.ts';
import { NimMaster } from '../../../../../agent/tasks/nim/master.ts';
import { setUpSpot } from '../../../../../agent/tasks/nim/spot-setup.ts';
import { syncSpot } from '../../../../../agent/tasks/nim/sync-spot.ts';
import { remote, type Remote } from '../../../../nim/support/remote.ts';

/* A SPOT on a master that is reached over ssh: mksh and POSIX utilities there, every argument recorded. */

let dir: string;
let root: string;
let other: Remote;
let master: NimMaster;
let pathBefore: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hostler-spot-setup-'));
  root = join(dir, 'spot/img/usr/lpp/bos/inst_root');
  mkdirSync(join(root, 'etc/security'), { recursive: true });
  writeFileSync(
    join(root, 'etc/inittab'),
    'init:2:initdefault:\nxcat:2:wait:/opt/xcat/old\ncons::respawn:/usr/sbin/getty\n',
  );
  writeFileSync(join(root, 'etc/passwd'), 'root::0:0::/:/usr/bin/ksh\nuser::7:7::/home:\n');
  writeFileSync(
    join(root, 'etc/security/passwd'),
    'root:\n\tpassword = *\n\tlastupdate = 12\n\tflags = ADMCHG\n\nuser:\n\tpassword = x\n\tflags = NOCHECK\n\n',
    { mode: 0o600 },
  );
  const nim = join(dir, 'nim-bin');
  mkdirSync(nim);
  writeFileSync(
    join(nim, 'lsnim'),
    `#!/bin/sh\nprintf 'img:\\n   class = resources\\n   type = spot\\n   location = ${dir}/spot/img/usr\\n   alloc_count = %s\\n   Rstate = ready for use\\n' "$(cat ${dir}/count)"\n`,
  );
  chmodSync(join(nim, 'lsnim'), 0o755);
  writeFileSync(join(dir, 'count'), '0');
  other = remote(dir, [nim]);
  pathBefore = process.env['PATH'] ?? '';
  process.env['PATH'] = `${other.bin}:${pathBefore}`;
  master = new NimMaster(openLogin('ssh://aixmn'), { folder: join(dir, 'work'), log: () => {} });
});
afterEach(() => {
  process.env['PATH'] = pathBefore;
  rmSync(dir, { recursive: true, force: true });
});

const read = (name: string): string => readFileSync(join(root, name), 'utf8');

async function setUp(value = 'ge heim$1', cryptmethod = ''): Promise<{ changed: boolean; lines: string[] }> {
  const lines: string[] = [];
  const changed = await setUpSpot(
    master,
    { spot: 'img', postscripts: "/it's/postscripts", master: 'mn', rootPassword: { value, cryptmethod } },
    lines,
  );
  return { changed, lines };
}

describe('making a SPOT ready', () => {
  test('script, inittab, password; what else is there stays; the second time nothing changes', async () => {
    expect(await setUp()).toEqual({ changed: true, lines: [] });
    expect(read('etc/inittab')).toBe(
      'init:2:initdefault:\ncons::respawn:/usr/sbin/getty\nxcat:2:wait:/opt/xcat/xcataixpost >/dev/console 2>&1\n',
    );
    expect(read('etc/passwd')).toBe('root:!:0:0::/:/usr/bin/ksh\nuser::7:7::/home:\n');
    expect(read('etc/security/passwd')).toMatch(
      /^root:\n\tpassword = \{ssha512\}10\$\S+\n\tlastupdate = 12\n\nuser:\n\tpassword = x\n\tflags = NOCHECK\n\n$/,
    );
    expect(statSync(join(root, 'etc/security/passwd')).mode & 0o777).toBe(0o600);
    expect(statSync(join(root, 'opt/xcat/xcataixpost')).mode & 0o777).toBe(0o755);
    expect(statSync(join(root, 'opt/xcat')).mode & 0o777).toBe(0o755);
    expect(read('opt/xcat/xcataixpost')).toContain("postscripts='/it'\\''s/postscripts'\nmaster=mn\n");
    const before = read('etc/security/passwd');
    expect(await setUp()).toEqual({ changed: false, lines: [] });
    expect(read('etc/security/passwd')).toBe(before);
    expect(await setUp('xyzzy 2')).toMatchObject({ changed: true });
    // Neither the password nor what became of it was ever an argument, of ours or of the other side.
    const words = other.calls().flat().join('\n');
    for (const secret of ['ge heim', 'xyzzy', '{ssha512}']) expect(words).not.toContain(secret);
  });

  test('a password that was crypted before stays as it is', async () => {
    await setUp('{ssha256}06$abc$def', 'sha256');
    expect(read('etc/security/passwd')).toContain('\tpassword = {ssha256}06$abc$def\n');
  });

  test('a SPOT in use is not changed, and what it lacks is said', async () => {
    writeFileSync(join(dir, 'count'), '2');
    const before = read('etc/inittab');
    const { changed, lines } = await setUp();
    expect(changed).toBe(false);
    expect(lines.join()).toMatch(
      /in use and was not changed.*: opt\/xcat\/xcataixpost, etc\/inittab, etc\/security\/passwd/,
    );
    expect(read('etc/inittab')).toBe(before);
    expect(existsSync(join(root, 'opt'))).toBe(false);
  });

  test('no password is known: said, and nothing of it changed', async () => {
    const before = read('etc/security/passwd');
    expect((await setUp('')).lines.join()).toContain('no root password is known');
    expect(read('etc/security/passwd')).toBe(before);
  });

  test('a password of two lines is refused', async () => {
    await expect(setUp('a\nroot:\n')).rejects.toThrow('not one line');
  });

  test('a tree without the folder, or without inittab: said, no failure', async () => {
    rmSync(join(root, 'etc/inittab'));
    expect((await setUp()).lines.join()).toContain('has no etc/inittab');
    rmSync(root, { recursive: true });
    expect((await setUp()).lines.join()).toContain('has no inst_root');
  });
});

describe('the script in the SPOT', () => {
  /** The node that runs it: the folders of this test in place of its own. */
  function boots(niminfo?: string): { calls: string[]; info: string } {
    const node = join(dir, 'node');
    for (const name of ['etc', 'mnt', 'bin']) mkdirSync(join(node, name), { recursive: true });
    if (niminfo !== undefined) writeFileSync(join(node, 'etc/niminfo'), niminfo);
    const program = (name: string, does: string): void => {
      writeFileSync(join(node, 'bin', name), `#!/bin/sh\necho "${name} $*" >>${node}/calls\n${does}\n`, {
        mode: 0o755,
      });
    };
    program('hostname', 'echo n1.cluster.test');
    program('df', 'echo Filesystem; echo "sn7:/install/root/n1 1 1 1 1% /"');
    program(
      'mount',
      `printf '#!/bin/sh\\necho post >>${node}/calls\\n' >${node}/mnt/hostleraixpost; chmod 755 ${node}/mnt/hostleraixpost`,
    );
    program('umount', '');
    program('sleep', '');
    const text = read('opt/xcat/xcataixpost')
      .replace(/^PATH=.*$/m, '')
      .replaceAll(/(?<![\w$/}'])\/(etc|var|xcatpost|mnt)\b/g, `${node}/$1`);
    const ran = spawnSync('/usr/bin/env', ['mksh', '-c', text], {
      encoding: 'utf8',
      env: { PATH: `${node}/bin:${other.path}:/bin` },
    });
    expect(ran.stderr).toBe('');
    expect(ran.status).toBe(0);
    return {
      calls: readFileSync(join(node, 'calls'), 'utf8')
        .trim()
        .split('\n')
        .filter((line) => !/^(sleep|df|hostname)/.test(line)),
      info: readFileSync(join(node, 'etc/xcatinfo'), 'utf8'),
    };
  }

  test('with a niminfo: its names; the postscripts are taken and run', async () => {
    await setUp();
    const { calls, info } = boots('export NIM_NAME=n1_img\nexport NIM_MASTER_HOSTNAME=aixmn\n');
    expect(calls[0]).toMatch(/^mount -o ro aixmn:\/it's\/postscripts .*\/mnt$/);
    expect(calls.at(-1)).toBe('post');
    expect(info).toBe('NODE=n1_img\nMASTER=aixmn\nKIND=diskless\n');
  });

  test('without: its own host name, and the server that its root comes from', async () => {
    await setUp();
    expect(boots().info).toBe('NODE=n1\nMASTER=sn7\nKIND=diskless\n');
  });
});

describe('synclists', () => {
  const sync = async (text: string) => {
    writeFileSync(join(dir, 'list'), text);
    const spot = await master.show('img');
    if (!spot) throw new Error('no spot');
    return syncSpot(master, spot, [join(dir, 'list')]);
  };

  beforeEach(() => {
    mkdirSync(join(dir, 'src/folder'), { recursive: true });
    for (const name of ['motd', 'a.conf', 'b.conf', "it's here", 'folder/deep'])
      writeFileSync(join(dir, 'src', name), name);
  });

  test('below /usr into the SPOT, else into what roots are made from; patterns, folders, other names', async () => {
    const src = join(dir, 'src');
    const { copied, lines } = await sync(
      `# ours\n${src}/motd -> /etc/motd\n${src}/*.conf -> /usr/local/etc/\n${src}/folder -> /opt/site\nEXECUTE:\n/x.post\n`,
    );
    expect(copied).toBe(4);
    expect(lines.join()).toContain('only its copies were done');
    expect(read('etc/motd')).toBe('motd');
    expect(readFileSync(join(dir, 'spot/img/usr/local/etc/b.conf'), 'utf8')).toBe('b.conf');
    expect(read('opt/site/deep')).toBe('folder/deep');
    // Again: over what is there.
    await sync(`${src}/folder -> /opt/site\n`);
    expect(existsSync(join(root, 'opt/site/folder'))).toBe(true);
  });

  test('a source that is not there, a list that is not there, a place that leads out', async () => {
    await expect(sync(`${dir}/src/gone -> /etc/gone\n`)).rejects.toThrow('gone is not there');
    await expect(sync(`${dir}/src/motd -> /etc/../../x\n`)).rejects.toThrow('must not contain ..');
    const spot = await master.show('img');
    if (!spot) throw new Error('no spot');
    await expect(syncSpot(master, spot, ['/nonexistent/list'])).rejects.toThrow('cannot be read');
  });
});
