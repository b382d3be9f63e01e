import { mkdtemp, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { files } from '../../../../../agent/tasks/files/kind.ts';
import { changeKnownHosts } from '../../../../../agent/tasks/files/known-hosts.ts';
import type { TaskContext } from '../../../../../agent/tasks/types.ts';
import type { Json } from '../../../../../shared/verb/effect.ts';

let folder: string;
const log: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hostler-files-'));
  await mkdir(join(folder, 'task'));
  log.length = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function context(spec: Json): TaskContext {
  return {
    id: 'j1.files',
    spec,
    dir: join(folder, 'task'),
    home: folder,
    installDir: folder,
    tftpDir: folder,
    correlation: 'c',
    signal: AbortSignal.timeout(20_000),
    log: (line) => void log.push(line),
    progress: () => undefined,
  };
}

function whole(name: string, content: string, more: Readonly<Record<string, Json>> = {}): Json {
  return { path: join(folder, name), content, mode: 0o644, ...more };
}

describe('the files task', () => {
  test('changes the hosts file behind a symbolic link, keeps its mode, and says what changed', async () => {
    await writeFile(join(folder, 'real'), '127.0.0.1 localhost\n', { mode: 0o640 });
    await symlink(join(folder, 'real'), join(folder, 'hosts'));
    const hosts = { clear: false, remove: [], put: ['10.0.0.1 a a.x '] };
    const spec: Json = { files: [{ path: join(folder, 'hosts'), hosts }], reload: [] };
    expect(await files.run(context(spec))).toEqual({ changed: [join(folder, 'real')] });
    expect(await readFile(join(folder, 'real'), 'utf8')).toMatch(
      /^127.0.0.1 localhost\n# BEGIN hostler.*\n10.0.0.1 a a.x \n# END/,
    );
    expect((await stat(join(folder, 'real'))).mode & 0o777).toBe(0o640);
    expect(await files.run(context(spec))).toEqual({ changed: [] });
    expect((await readdir(folder)).sort()).toEqual(['hosts', 'real', 'task']);
  });

  test('keeps what was there before us, once', async () => {
    await writeFile(join(folder, 'named.conf'), 'theirs');
    await files.run(context({ files: [whole('named.conf', '// Made by hostler\none')], reload: [] }));
    await files.run(context({ files: [whole('named.conf', '// Made by hostler\ntwo')], reload: [] }));
    expect(await readFile(join(folder, 'named.conf.before-hostler'), 'utf8')).toBe('theirs');
    expect(await readFile(join(folder, 'named.conf'), 'utf8')).toContain('two');
  });

  test('a file that its program does not accept leaves all of them as they were', async (test) => {
    const good = whole('good', 'port=0\n', { check: { by: 'dnsmasq' } });
    const bad = whole('bad', 'no-such-word\n', { check: { by: 'dnsmasq' } });
    const ran = await files.run(context({ files: [good, bad], reload: [] })).catch((error: unknown) => error);
    if (log.some((line) => line.includes('not installed'))) test.skip('dnsmasq is not installed');
    expect(ran).toMatchObject({ code: 'failed_precondition' });
    expect(String(ran)).toMatch(/dnsmasq does not accept .*nothing was changed/);
    expect((await readdir(folder)).sort()).toEqual(['task']);
  });

  test.each<[string, Json]>([
    ['a relative path', { files: [{ path: 'etc/hosts', content: '', mode: 0o644 }], reload: [] }],
    ['a path that climbs', { files: [{ path: '/etc/../x', content: '', mode: 0o644 }], reload: [] }],
    ['a program', { files: [{ path: '/x', content: '', mode: 0o755 }], reload: [] }],
    [
      'two lines in one',
      { files: [{ path: '/x', hosts: { clear: false, remove: [], put: ['1.1.1.1 a\n2.2.2.2 b'] } }], reload: [] },
    ],
    ['another unit', { files: [{ path: '/x', content: '', mode: 0o644 }], reload: ['sshd'] }],
    ['another checker', { files: [{ path: '/x', content: '', mode: 0o644, check: { by: 'sh' } }], reload: [] }],
    [
      'a zone that is an option',
      { files: [{ path: '/x', content: '', mode: 0o644, check: { by: 'named-checkzone', zone: '-t' } }], reload: [] },
    ],
    ['nothing', { files: [], reload: [] }],
    [
      'the same twice',
      {
        files: [
          { path: '/x', content: '', mode: 0 },
          { path: '/x', content: '', mode: 0 },
        ],
        reload: [],
      },
    ],
  ])('refuses %s', async (_what, spec) => {
    await expect(files.run(context(spec))).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('known_hosts', () => {
  const before = '# mine\nn1,10.0.0.1 ssh-rsa AAAA\nother ssh-rsa BBBB\n|1|salt|hash ssh-rsa CCCC\n';

  test('lines of the hosts go, others stay, new ones come last', () => {
    expect(changeKnownHosts(before, ['10.0.0.1'], ['n1 ssh-ed25519 DDDD'])).toBe(
      '# mine\nother ssh-rsa BBBB\n|1|salt|hash ssh-rsa CCCC\nn1 ssh-ed25519 DDDD\n',
    );
    expect(changeKnownHosts(before, ['nobody'], [])).toBe(before);
    expect(changeKnownHosts('', [], [])).toBe('');
  });

  test('a task that only forgets; a host that is an option is refused', async () => {
    await writeFile(join(folder, 'known_hosts'), before);
    const spec = (forget: string[]): Json => ({
      files: [{ path: join(folder, 'known_hosts'), knownHosts: { forget, scan: [] } }],
      reload: [],
    });
    expect(await files.run(context(spec(['other'])))).toEqual({ changed: [join(folder, 'known_hosts')] });
    expect(await readFile(join(folder, 'known_hosts'), 'utf8')).not.toContain('BBBB');
    await expect(files.run(context(spec(['-oProxyCommand=x'])))).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});
