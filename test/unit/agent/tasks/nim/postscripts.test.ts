import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLogin } from '../../../../../agent/tasks/nim/login/index.ts';
import { NimMaster } from '../../../../../agent/tasks/nim/master.ts';
import { placePostscripts, suppliedPostscripts } from '../../../../../agent/tasks/nim/postscripts.ts';
import { aixScript } from '../../../../../manager/verbs/nim/aix-script.ts';
import { remote, type Remote } from '../../../../nim/support/remote.ts';

let dir: string;
let other: Remote;
let pathBefore: string;
let folder: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hostler-aixpost-'));
  other = remote(dir);
  pathBefore = process.env['PATH'] ?? '';
  process.env['PATH'] = `${other.bin}:${pathBefore}`;
  folder = join(dir, 'install/postscripts');
  for (const name of ['etc', 'var/log/xcat', 'xcatpost', 'bin']) mkdirSync(join(dir, name), { recursive: true });
});
afterEach(() => {
  process.env['PATH'] = pathBefore;
  rmSync(dir, { recursive: true, force: true });
});

type Listed = Parameters<typeof placePostscripts>[1]['nodes'][number];
type Short = Pick<Listed, 'name' | 'environment' | 'scripts'> & Partial<Listed>;

const place = (nodes: readonly Short[], self?: Parameters<typeof placePostscripts>[2]): Promise<void> => {
  const master = new NimMaster(openLogin('ssh://aixmn'), { folder: join(dir, 'work'), log: () => {} });
  const environment = { NTYPE: 'compute', MASTER: "mn's" };
  const whole = nodes.map((node) => ({ node: node.name, address: '', reportTo: '', ...node }));
  return placePostscripts(master, { folder, environment, nodes: whole, reportPort: 3002 }, self);
};

/** A program of an AIX machine that notes its arguments, and says what the test wants. */
function program(name: string, does = ':'): void {
  writeFileSync(join(dir, 'bin', name), `#!/bin/sh\necho "${name} $*" >>${dir}/calls\n${does}\n`);
  chmodSync(join(dir, 'bin', name), 0o755);
}

const calls = (): string[] =>
  existsSync(join(dir, 'calls')) ? readFileSync(join(dir, 'calls'), 'utf8').trim().split('\n') : [];

/** Runs a supplied script under mksh, with the folders of this test in place of the machine's own. */
function runOnNode(text: string, env: Readonly<Record<string, string>> = {}) {
  const here = text.replace(/^PATH=.*$/m, '').replaceAll(/(?<![\w$/}])\/(etc|var|xcatpost|\.rhosts)/g, `${dir}/$1`);
  const path = `${join(dir, 'bin')}:${other.path}:/usr/bin:/bin`;
  return spawnSync('/usr/bin/env', ['-i', `PATH=${path}`, 'mksh', '-c', here], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

function withEnv(text: string, env: Readonly<Record<string, string>>): string {
  return (
    Object.entries(env)
      .map(([name, value]) => `${name}='${value}'; export ${name}\n`)
      .join('') + text
  );
}

describe('placing them', () => {
  test('many at once do not take each other away', async () => {
    const nodes = ['n1', 'n2', 'n3'].map((name) => ({ name, environment: {}, scripts: [] }));
    await Promise.all(Array.from({ length: 12 }, () => place(nodes)));
    for (const name of ['n1', 'n2', 'n3'])
      expect(readFileSync(join(folder, `mypostscripts/mypostscript.${name}`), 'utf8')).toContain(`for ${name}`);
    expect(readdirSync(folder).filter((name) => name.includes('.new'))).toEqual([]);
  });

  test('one command over ssh, an own list for each node, scripts that can be run', async () => {
    const scripts = [
      { name: 'setupntp', args: [] },
      { name: 'site/own', args: ["it's", '$HOME'] },
      { name: 'syslog', args: [], optional: true },
    ];
    await place([
      { name: 'n1', environment: { NODE: 'n1.x' }, scripts },
      { name: 'n2', environment: { NODE: 'n2' }, scripts: [] },
      { name: '../../etc/evil', environment: {}, scripts },
    ]);
    expect(other.calls()).toHaveLength(1);
    const list = readFileSync(join(folder, 'mypostscripts/mypostscript.n1'), 'utf8');
    expect(list).toContain("MASTER='mn'\\''s'; export MASTER\nNODE=n1.x; export NODE\nrun setupntp\nrun site/own ");
    expect(list).toContain('run_if_there syslog\n');
    expect(existsSync(join(folder, 'mypostscripts/mypostscript.n2'))).toBe(true);
    expect(existsSync(join(dir, 'etc/evil'))).toBe(false);
    for (const [name, text] of Object.entries(suppliedPostscripts))
      expect(readFileSync(join(folder, name), 'utf8')).toBe(text);
    execFileSync('test', ['-x', join(folder, 'hostleraixpost')]);
  });

  test('a script of the administrator stays, an older one of ours does not', async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'setupntp'), '#!/bin/sh\nmine\n');
    writeFileSync(join(folder, 'confignimsh'), '#!/bin/sh\n# Supplied by Hostler. Old.\n');
    await place([]);
    expect(readFileSync(join(folder, 'setupntp'), 'utf8')).toContain('mine');
    expect(readFileSync(join(folder, 'confignimsh'), 'utf8')).toBe(suppliedPostscripts['confignimsh']);
  });
});

describe('on the node', () => {
  const post = suppliedPostscripts['hostleraixpost'] ?? '';

  test('hostleraixpost runs the list in order with its words, and goes on after a failure', async () => {
    program('rmitab');
    const scripts = [
      { name: 'one', args: ["a  b's", '$X'] },
      { name: 'gone', args: [] },
      { name: 'syslog', args: [], optional: true },
      { name: 'two', args: [] },
    ];
    await place([{ name: 'n1', environment: { NODE: 'n1' }, scripts }]);
    execFileSync('cp', ['-R', join(folder, 'mypostscripts'), join(dir, 'xcatpost')]);
    const script = (name: string, text: string): void => {
      writeFileSync(join(dir, 'xcatpost', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    };
    script('one', `echo "one $MASTER|$1|$2" >>${dir}/calls; echo noise; exit 3`);
    script('two', `echo "two $MASTER" >>${dir}/calls`);
    writeFileSync(join(dir, 'etc/xcatinfo'), 'NODE=n1\nMASTER=mn\n');
    const ran = runOnNode(post);
    expect(ran.stderr).toBe('');
    expect(calls()).toEqual(["one mn's|a  b's|$X", "two mn's", 'rmitab hostler']);
    expect(ran.status).toBe(1);
    const log = readFileSync(join(dir, 'var/log/xcat/xcat.log'), 'utf8');
    expect(log).toContain('postscript end...: one return with 3');
    expect(log).toContain('noise');
    expect(log).toContain('these failed: one gone');
    expect(log).not.toContain('syslog');
  });

  test('hostleraixpost without a list says so', () => {
    expect(runOnNode(post).status).toBe(1);
    expect(readFileSync(join(dir, 'var/log/xcat/xcat.log'), 'utf8')).toContain('no list of postscripts');
  });

  const nimsh = suppliedPostscripts['confignimsh'] ?? '';
  const client = (): void => {
    program('uname', 'echo AIX');
    program('lslpp');
    program('netstat', "echo 'default 10.0.0.254 UG 1 2 en3 -'");
    program('niminit');
    program('nimclient');
    writeFileSync(
      join(dir, 'etc/niminfo'),
      'export NIM_NAME=n1\nexport NIM_MASTER_HOSTNAME=mn\nexport NIM_CONFIGURATION=standalone\n',
    );
  };

  test('confignimsh makes the node a client of nimsh over SSL, and takes .rhosts away', () => {
    client();
    writeFileSync(join(dir, '.rhosts'), 'mn root\n');
    const ran = runOnNode(nimsh);
    expect(ran.stderr).toBe('');
    expect(ran.status).toBe(0);
    expect(calls()).toEqual([
      'uname -s',
      'lslpp -l openssl.base',
      'netstat -rn',
      'niminit -a name=n1 -a master=mn -a pif_name=en3 -a connect=nimsh',
      'nimclient -c',
    ]);
    expect(existsSync(join(dir, '.rhosts'))).toBe(false);
  });

  test('confignimsh: niminit fails, and niminfo is as it was', () => {
    client();
    program('niminit', 'exit 1');
    const ran = runOnNode(nimsh);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain('/etc/niminfo is as it was'.replace('/etc', `${dir}/etc`));
    expect(existsSync(join(dir, 'etc/niminfo'))).toBe(true);
    expect(calls().at(-1)).toMatch(/^niminit/);
  });

  test('confignimsh leaves diskless and service nodes alone, and needs openssl', () => {
    client();
    expect(runOnNode(withEnv(nimsh, { NTYPE: 'service' })).stdout).toContain('nothing to do');
    program('lslpp', 'exit 1');
    expect(runOnNode(nimsh).stderr).toContain('openssl.base is not installed');
    expect(calls().some((line) => line.startsWith('niminit'))).toBe(false);
  });

  test('setupntp writes the servers that are sound, and starts xntpd', () => {
    for (const name of ['stopsrc', 'ntpdate', 'chrctcp']) program(name);
    program('uname', 'echo AIX');
    const env = { NTPSERVERS: 'ntp1,<xcatmaster>,bad;rm', MASTER: '10.0.0.1' };
    const ran = runOnNode(withEnv(suppliedPostscripts['setupntp'] ?? '', env));
    expect(ran.stderr).toBe('');
    expect(ran.status).toBe(0);
    expect(readFileSync(join(dir, 'etc/ntp.conf'), 'utf8').match(/^server .*$/gm)).toEqual([
      'server ntp1',
      'server 10.0.0.1',
    ]);
    expect(calls()).toContain('chrctcp -S -a xntpd');
  });
});

describe('every script for AIX', () => {
  const all = {
    ...suppliedPostscripts,
    hostleraixboot: readFileSync(new URL('../../../../../share/postscripts/hostleraixboot', import.meta.url), 'utf8'),
    preparespot: readFileSync(new URL('../../../../../agent/tasks/nim/prepare-spot.sh', import.meta.url), 'utf8'),
    copyintospot: readFileSync(new URL('../../../../../agent/tasks/nim/copy-into-spot.sh', import.meta.url), 'utf8'),
    xcataixscript: aixScript('/install/nim', '/install/postscripts').make?.content ?? '',
  };
  test.each(Object.entries(all))('%s is what mksh and shellcheck take for POSIX sh', (name, text) => {
    const file = join(dir, name);
    writeFileSync(file, text);
    expect(spawnSync('/usr/bin/env', ['mksh', '-n', file], { encoding: 'utf8' }).stderr).toBe('');
    // SC1091: what is on the node only. SC2086 and the like count.
    const looked = spawnSync('shellcheck', ['-s', 'sh', '-e', 'SC1091', file], { encoding: 'utf8' });
    expect(looked.stdout).toBe('');
    expect(looked.status).toBe(0);
  });
});
