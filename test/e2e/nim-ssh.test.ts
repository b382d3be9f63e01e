// bound: 120 s
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLogin } from '../../agent/tasks/nim/login/index.ts';
import { NimMaster } from '../../agent/tasks/nim/master.ts';
import { makeImage } from '../../agent/tasks/nim/image.ts';
import { which } from '../../shared/process/which.ts';
import { createMaster, type NimMaster as StandIn } from '../nim/master.ts';
import { remote } from '../nim/support/remote.ts';

/*
 * A NIM master behind a real sshd, on loopback, with a configuration, a host key and a user key of its own. The other
 * side has mksh and POSIX utilities only. More of this is tested with a program `ssh` of our own in
 * test/unit/agent/tasks/nim/login.
 */

const sshd = which('sshd');
const possible = sshd !== undefined && which('ssh-keygen') !== undefined && process.getuid?.() === 0;

let dir: string;
let port: number;
let server: ChildProcess;
let standIn: StandIn;
let pathBefore: string;
const log: string[] = [];

beforeEach(async () => {
  if (!possible) return;
  dir = mkdtempSync(join(tmpdir(), 'hostler-sshd-'));
  standIn = await createMaster(join(dir, 'master'), { df: true });
  const { path, bin } = remote(dir, [standIn.bin]);
  port = await freePort();
  for (const key of ['host', 'user'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, key)]);
  writeFileSync(join(dir, 'authorized'), readFileSync(join(dir, 'user.pub')));
  writeFileSync(join(dir, 'known'), `[127.0.0.1]:${String(port)} ${readFileSync(join(dir, 'host.pub'), 'utf8')}`);
  writeFileSync(
    join(dir, 'sshd_config'),
    `ListenAddress 127.0.0.1:${String(port)}
HostKey ${dir}/host
AuthorizedKeysFile ${dir}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
SetEnv PATH=${path}
`,
  );
  writeFileSync(
    join(dir, 'ssh_config'),
    `IdentityFile ${dir}/user\nIdentitiesOnly yes\nUserKnownHostsFile ${dir}/known\nStrictHostKeyChecking yes\n`,
  );
  // What an administrator writes into the configuration of the agent's user.
  const real = which('ssh') ?? 'ssh';
  writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nexec ${real} -F ${dir}/ssh_config "$@"\n`, { mode: 0o755 });
  pathBefore = process.env['PATH'] ?? '';
  process.env['PATH'] = `${bin}:${pathBefore}`;
  mkdirSync('/run/sshd', { recursive: true });
  server = spawn(sshd, ['-D', '-e', '-f', join(dir, 'sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  server.stderr?.on('data', (text: Buffer) => (said += text.toString()));
  await until(() => said.includes('listening'));
});

afterEach(() => {
  if (!possible) return;
  process.env['PATH'] = pathBefore;
  server.kill('SIGTERM');
  rmSync(dir, { recursive: true, force: true });
});

test('a SPOT is built over ssh, once, though every connection is lost in the middle', async (context) => {
  if (!possible) context.skip('needs root, and the package openssh-server');
  const media = join(dir, 'media');
  mkdirSync(media);
  writeFileSync(join(media, 'bos.rte'), 'fileset');
  const base = join(dir, 'install/nim');
  const master = new NimMaster(openLogin(`ssh://root@127.0.0.1:${String(port)}`), {
    folder: join(dir, 'work'),
    everyMs: 50,
    log: (line) => log.push(line),
  });
  standIn.set({ spotSeconds: 3 });
  const spec = {
    image: 'img',
    base,
    device: media,
    resources: [
      {
        type: 'lpp_source',
        name: 'img_lpp_source',
        make: { location: `${base}/lpp_source/img_lpp_source`, attributes: [['source', media] as const] },
      },
      {
        type: 'spot',
        name: 'img',
        make: { location: `${base}/spot/img/usr`, attributes: [['source', 'img_lpp_source'] as const] },
      },
    ],
  };
  const made = makeImage(master, spec, () => {});
  await until(() => existsSync(join(dir, 'work/img/pid')));
  sessions();
  server.kill('SIGKILL');
  cutSessions();
  await until(() => log.some((line) => line.includes('looking again')));
  server = spawn(sshd ?? '', ['-D', '-e', '-f', join(dir, 'sshd_config')], { stdio: 'ignore' });
  expect((await made).resources).toEqual({ lpp_source: 'img_lpp_source', spot: 'img' });
  const builds = standIn.calls().filter(({ argv }) => argv.includes('spot') && argv.includes('define'));
  expect(builds).toHaveLength(1);
  expect(standIn.calls().every(({ locale }) => locale === 'C')).toBe(true);
}, 100_000);

/** Session processes of our own server: they carry its configuration file or are its children. */
function sessionIds(): number[] {
  const listed = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' });
  const rows = listed.split('\n').map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line));
  const ids = new Set<number>();
  for (const row of rows) if (row !== null && Number(row[2]) === server.pid) ids.add(Number(row[1]));
  for (const row of rows)
    if (row !== null && ids.has(Number(row[2])) && (row[3] ?? '').startsWith('sshd')) ids.add(Number(row[1]));
  return [...ids];
}

let cut: number[] = [];
function sessions(): void {
  for (let tries = 0; tries < 200 && cut.length === 0; tries += 1) cut = sessionIds();
}

function cutSessions(): void {
  for (const pid of cut) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // The look that it served has ended.
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done));
  const address = probe.address();
  await new Promise((done) => probe.close(done));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1500; tries += 1) {
    if (what()) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`not within 30 s: ${what.toString()}\n${log.join('\n')}`);
}
