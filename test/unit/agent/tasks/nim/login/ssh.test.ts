import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runLasting } from '../../../../../../agent/tasks/nim/lasting.ts';
import { openLogin } from '../../../../../../agent/tasks/nim/login/index.ts';
import { parseSshTarget } from '../../../../../../agent/tasks/nim/login/ssh.ts';
import type { Login } from '../../../../../../agent/tasks/nim/login/types.ts';
import { remote, type Remote } from '../../../../../nim/support/remote.ts';

let dir: string;
let other: Remote;
let login: Login;
let pathBefore: string;
let log: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hostler-ssh-'));
  other = remote(dir);
  pathBefore = process.env['PATH'] ?? '';
  process.env['PATH'] = `${other.bin}:${pathBefore}`;
  login = openLogin('ssh://nimadm@aixmn.cluster:2222');
  log = [];
});
afterEach(() => {
  process.env['PATH'] = pathBefore;
  rmSync(dir, { recursive: true, force: true });
});

const lasting = (): Parameters<typeof runLasting>[1] => ({
  folder: join(dir, 'nim'),
  everyMs: 20,
  log: (line) => log.push(line),
});
/** Long work that counts how often it was begun. */
const work = ['sh', ['-c', `echo begun >>$1; sleep 1; echo half; echo warn >&2; exit 3`, 'sh']] as const;
const begun = (): string[] => readFileSync(join(dir, 'begun'), 'utf8').trim().split('\n');

describe('where the master is', () => {
  test.each([
    ['ssh://aixmn', { user: 'root', host: 'aixmn', port: 22 }],
    ['ssh://adm@10.0.0.1:2222', { user: 'adm', host: '10.0.0.1', port: 2222 }],
    ['ssh://[fe80::1]:23', { user: 'root', host: 'fe80::1', port: 23 }],
  ])('%s', (text, target) => {
    expect(parseSshTarget(text)).toEqual(target);
  });

  test.each(['aixmn', 'ssh://', 'ssh://-oProxyCommand=x', 'ssh://-l@host', 'ssh://host/path', 'ssh://a b'])(
    '%s is refused',
    (text) => {
      expect(parseSshTarget(text)).toBeUndefined();
      expect(() => openLogin(text)).toThrow(/must be "local" or "ssh:/);
    },
  );
});

describe('a command over ssh', () => {
  test('is one line after --, in the C language, asks nobody anything, and gives back what it said', async () => {
    const ran = await login.run('sh', ['-c', 'echo "$1"; echo "$LC_ALL" >&2; exit 7', 'sh', "it's; $(x)"]);
    expect(ran).toEqual({ exit: 7, stdout: "it's; $(x)\n", stderr: 'C\n' });
    const [words = []] = other.calls();
    expect(words.slice(-7, -1)).toEqual(['-p', '2222', '-l', 'nimadm', '--', 'aixmn.cluster']);
    expect(words).toContain('BatchMode=yes');
    expect(words.at(-1)).toMatch(/^LC_ALL=C; export LC_ALL; sh -c /);
  });

  test('takes standard input; a secret there is on no command line', async () => {
    await login.run('tee', [join(dir, 'file')], { input: "top secret\n'" });
    expect(readFileSync(join(dir, 'file'), 'utf8')).toBe("top secret\n'");
    expect(JSON.stringify(other.calls())).not.toContain('secret');
  });

  test('finds a program that is not there to be an answer, not a lost connection', async () => {
    expect((await login.run('nosuchprogram', [])).exit).toBe(127);
  });

  test.each(['before', 'during', 'after'] as const)('connection lost %s it: unavailable', async (how) => {
    other.cut(how);
    await expect(login.run('true', [])).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('an exit code of 255 is the program’s own where it was said', async () => {
    expect((await login.run('sh', ['-c', 'exit 255'])).exit).toBe(255);
  });
});

describe('long work over ssh', () => {
  test.each([
    ['before'],
    ['during'],
    ['after'],
    ['none', 'before'],
    ['none', 'during', 'after'],
    ['during', 'before', 'after'],
  ] as const)(
    'connection lost (%s, %s, %s): begun once, found again, its end known',
    async (...how) => {
      other.cut(...how);
      const [program, args] = work;
      const ran = await runLasting(login, lasting(), 'spot1', program, [...args, join(dir, 'begun')]);
      expect(ran).toEqual({ exit: 3, stdout: 'half\n', stderr: 'warn\n' });
      expect(begun()).toEqual(['begun']);
      expect(log.some((line) => line.includes('looking again'))).toBe(true);
      expect(existsSync(join(dir, 'nim/spot1'))).toBe(false);
    },
    30_000,
  );

  test('a second driver finds it and starts nothing', async () => {
    const [program, args] = work;
    const both = await Promise.all(
      [1, 2].map(() =>
        runLasting(login, lasting(), 'spot1', program, [...args, join(dir, 'begun')]).catch((error: unknown) => error),
      ),
    );
    expect(both).toContainEqual({ exit: 3, stdout: 'half\n', stderr: 'warn\n' });
    expect(begun()).toEqual(['begun']);
  }, 30_000);

  test('its words arrive as they are, and it sees nothing of the task that began it', async () => {
    process.env['HOSTLER_TASK_DIR'] = '/nowhere';
    try {
      const script = 'printf "%s|" "$@"; echo "${HOSTLER_TASK_DIR:-none}"';
      const ran = await runLasting(login, lasting(), 'x', 'sh', ['-c', script, 'sh', 'a  b', "c'd", '$HOME', 'e\nf']);
      expect(ran.stdout).toBe("a  b|c'd|$HOME|e\nf|none\n");
    } finally {
      delete process.env['HOSTLER_TASK_DIR'];
    }
  });

  test('other work for the same object waits its turn, and takes it when the first has ended unheard', async () => {
    const first = ['-c', 'sleep 2', 'sh'];
    other.cut('none', 'none', 'before');
    const stop = new AbortController();
    const watched = openLogin('ssh://aixmn', stop.signal);
    const lost = runLasting(watched, lasting(), 'spot1', 'sh', first).catch((error: unknown) => error);
    await until(() => existsSync(join(dir, 'nim/spot1/pid')));
    stop.abort();
    await lost;
    await expect(runLasting(login, lasting(), 'spot1', 'true', [])).rejects.toMatchObject({ code: 'aborted' });
    await until(() => existsSync(join(dir, 'nim/spot1/exit')));
    expect((await runLasting(login, lasting(), 'spot1', 'true', [])).exit).toBe(0);
    expect(log.join('\n')).toContain('Earlier work on spot1 (sh -c sleep 2 sh) is over: ended 0');
  }, 30_000);

  test('a machine that was started anew in between: the work is gone, and said to be', async () => {
    writeFileSync(join(dir, 'script'), 'sleep 60');
    const waiting = runLasting(login, lasting(), 'spot1', 'sh', [join(dir, 'script')]);
    const settled = waiting.catch((error: unknown) => error);
    await until(() => existsSync(join(dir, 'nim/spot1/pid')));
    const pid = Number(readFileSync(join(dir, 'nim/spot1/pid'), 'utf8'));
    writeFileSync(join(dir, 'nim/spot1/boot'), 'system boot long ago\n');
    expect(await settled).toMatchObject({ code: 'aborted', message: expect.stringContaining('restarted') as string });
    process.kill(-pid, 'SIGKILL');
  }, 30_000);

  test('reads nothing below /proc and uses no GNU option', () => {
    const source = readFileSync(new URL('../../../../../../agent/tasks/nim/lasting.ts', import.meta.url), 'utf8');
    expect(source).not.toMatch(/\/proc|readlink|setsid|timeout |stat -c|--[a-z]+/);
  });
});

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000; tries += 1) {
    if (what()) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error(`not within 10 s: ${what.toString()}`);
}
