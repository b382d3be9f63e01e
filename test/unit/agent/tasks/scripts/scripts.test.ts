import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseScriptsSpec } from '../../../../../agent/tasks/scripts/spec.ts';
import { scriptsIn } from '../../../../../agent/tasks/scripts/scripts.ts';
import type { TaskContext } from '../../../../../agent/tasks/types.ts';
import { HostlerError } from '../../../../../shared/errors/error.ts';
import type { Json } from '../../../../../shared/verb/effect.ts';

let dir: string;
let lines: string[];
let store: Record<string, string>;
let stop: AbortController;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hostler-scripts-'));
  lines = [];
  store = {};
  stop = new AbortController();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const kind = (scriptMs = 10_000): ReturnType<typeof scriptsIn> =>
  scriptsIn({
    folder: join(dir, 'xcatpost'),
    log: join(dir, 'log/xcat.log'),
    scriptMs,
    fetch: async (_spec, name, file) => {
      const text = store[name];
      if (text === undefined) throw new HostlerError('not_found', `the store does not have ${name}`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    },
  });

const spec = (postscripts: string[], postbootscripts: string[] = [], more: Record<string, Json> = {}): Json => {
  const calls = (words: string[]): Json =>
    words.map((word) => {
      const [name = '', ...args] = word.split(' ');
      return { name, args };
    });
  return {
    node: 'n01',
    store: { agent: 'mn', endpoints: ['https://10.0.0.1:8443'] },
    postscripts: calls(postscripts),
    postbootscripts: calls(postbootscripts),
    environment: { MASTER: '10.0.0.1', ODD: '$(reboot) "x"\n;' },
    ...more,
  };
};

function context(of: Json): TaskContext {
  return {
    id: '1.scripts',
    spec: of,
    dir,
    home: dir,
    installDir: dir,
    tftpDir: dir,
    correlation: '',
    signal: stop.signal,
    log: (line) => lines.push(line),
    progress: () => {},
  };
}

describe('scripts', () => {
  test('leave out a default that the cluster has no script for; others that are missing fail', async () => {
    store = { mine: '#!/bin/sh\nexit 0\n' };
    const calls = [
      { name: 'syslog', args: [], optional: true },
      { name: 'mine', args: [] },
      { name: 'gone', args: [] },
    ];
    const result = await kind().run(context(spec([], [], { postscripts: calls })));
    expect(result).toMatchObject({
      failed: 1,
      scripts: [
        { name: 'mine', exit: 0 },
        { name: 'gone', exit: 127 },
      ],
    });
    expect(lines.join('\n')).toContain('syslog is a default that this cluster has no script for; left out');
  });

  test('run in order with arguments and environment, and are told in the words of xCAT', async () => {
    store = {
      first: '#!/bin/sh\necho "$NODE $MASTER" "$@" in "$PWD"\nprintf %s "$ODD" > odd\nexit 0\n',
      'sub/second': 'echo no first line here: $1 >&2\n',
      boot: '#!/bin/sh\ncat odd\n',
    };
    const result = await kind().run(context(spec(['first a *', 'sub/second z'], ['boot'])));
    expect(result).toMatchObject({
      failed: 0,
      scripts: [
        { name: 'first', exit: 0 },
        { name: 'sub/second', exit: 0 },
        { name: 'boot', exit: 0 },
      ],
    });
    expect(lines).toEqual([
      'postscript start..: first',
      `n01 10.0.0.1 a * in ${join(dir, 'xcatpost')}`,
      'postscript end...: first return with 0',
      'postscript start..: sub/second',
      'no first line here: z',
      'postscript end...: sub/second return with 0',
      'postscript start..: boot',
      '$(reboot) "x"',
      ';',
      'postscript end...: boot return with 0',
    ]);
    expect(readFileSync(join(dir, 'log/xcat.log'), 'utf8')).toBe(`${lines.join('\n')}\n`);
    expect(statSync(join(dir, 'xcatpost')).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, 'xcatpost/first')).mode & 0o777).toBe(0o700);
  });

  test('one that fails, one that is missing and one that hangs are reported; the rest go on', async () => {
    store = {
      bad: '#!/bin/sh\nexit 3\n',
      odd: '#!/no/such/interpreter\n',
      slow: '#!/bin/sh\nsleep 60\n',
      last: '#!/bin/sh\ntouch done\n',
    };
    const result = await kind(300).run(context(spec(['bad', 'missing', 'odd', 'slow', 'last'])));
    expect(result).toMatchObject({
      failed: 4,
      scripts: [
        { name: 'bad', exit: 3 },
        { name: 'missing', exit: 127 },
        { name: 'odd', exit: 126 },
        { name: 'slow', exit: 124 },
        { name: 'last', exit: 0 },
      ],
    });
    expect(lines).toContain('missing is missing: the store does not have missing');
    expect(existsSync(join(dir, 'xcatpost/done'))).toBe(true);
  });

  test('what an earlier boot left under the name is not run', async () => {
    mkdirSync(join(dir, 'xcatpost'));
    writeFileSync(join(dir, 'xcatpost/old'), '#!/bin/sh\ntouch ran\n', { mode: 0o755 });
    expect(await kind().run(context(spec(['old'])))).toMatchObject({ failed: 1 });
    expect(existsSync(join(dir, 'xcatpost/ran'))).toBe(false);
  });

  test('cancelling stops the script and the task', async () => {
    store = { slow: '#!/bin/sh\necho up; sleep 60\n', next: '#!/bin/sh\ntouch ran\n' };
    const running = kind().run({
      ...context(spec(['slow', 'next'])),
      log: (line) => {
        if (line === 'up') stop.abort(new HostlerError('cancelled', 'no longer wanted'));
      },
    });
    await expect(running).rejects.toThrow('no longer wanted');
    expect(existsSync(join(dir, 'xcatpost/ran'))).toBe(false);
  });

  test('hostile names, variables and shapes are refused before anything happens', async () => {
    const names = [
      '../x',
      '/etc/passwd',
      'a/../../b',
      '.hidden',
      'a/.b',
      'a b',
      'a\nb',
      '-x',
      '',
      'a//b',
      'x'.repeat(300),
    ];
    for (const name of names) {
      const bad = spec([], [], { postscripts: [{ name, args: [] }] });
      expect(() => parseScriptsSpec(bad), JSON.stringify(name)).toThrow(/no name of a postscript/);
      await expect(kind().run(context(bad))).rejects.toMatchObject({ code: 'invalid_argument' });
    }
    expect(existsSync(join(dir, 'xcatpost'))).toBe(false);
    const shapes: Record<string, Json>[] = [
      { environment: { 'A=B': 'x' } },
      { environment: { A: 5 } },
      { environment: { A: 'x\0' } },
      { postscripts: 'x' },
      { store: null },
      { postscripts: [{ name: 'a', args: ['\0'] }] },
    ];
    for (const shape of shapes) expect(() => parseScriptsSpec(spec([], [], shape))).toThrow(HostlerError);
    for (const value of [null, 'x', []]) expect(() => parseScriptsSpec(value)).toThrow(HostlerError);
  });

  test('a script folder that is not a folder of ours is not used', async () => {
    writeFileSync(join(dir, 'xcatpost'), '');
    await expect(kind().run(context(spec([])))).rejects.toThrow();
  });
});
