// bound: 240 s
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMaster, type NimMaster } from '../nim/master.ts';
import { dist, RealManager } from '../tools/real-manager.ts';

/*
 * Manager, agent and commands as they are built, on a machine where the NIM programs are found. Everything that can be
 * killed is killed while a SPOT is being built.
 */

let dir: string;
let nim: NimMaster;
let manager: RealManager;
let pathBefore: string;
const commands: Command[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hostler-nim-e2e-'));
  nim = await createMaster(join(dir, 'master'), { df: true });
  mkdirSync(join(dir, 'media'));
  writeFileSync(join(dir, 'media/bos.rte'), 'fileset');
  pathBefore = process.env['PATH'] ?? '';
  process.env['PATH'] = `${nim.bin}:${pathBefore}`;
  manager = await RealManager.start([]);
});

afterEach(async () => {
  nim.set({ holdSpots: false });
  for (const { process: child } of commands.splice(0)) child.kill('SIGKILL');
  const agent = agentPid();
  await manager.dispose();
  await until(() => agent === undefined || !lives(agent));
  process.env['PATH'] = pathBefore;
  // A build that was let go writes its last lines.
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

interface Command {
  readonly process: ChildProcess;
  out: string;
  err: string;
  readonly ended: Promise<number | null>;
}

/** A command of dist/bin; words are separated by single blanks. */
function start(line: string): Command {
  const [name = '', ...args] = line.split(' ');
  const env = { ...process.env, ...manager.env, NO_COLOR: '1' };
  const child = spawn(join(dist, 'bin', name), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((done) => {
    child.once('close', done);
  });
  const command: Command = { process: child, out: '', err: '', ended };
  child.stdout.on('data', (text: Buffer) => (command.out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (command.err += text.toString()));
  commands.push(command);
  return command;
}

async function said(line: string): Promise<string> {
  const command = start(line);
  expect(`${line}: ${String(await command.ended)} ${command.err}`).toMatch(/: 0 /);
  return command.out;
}

const agentPid = (): number | undefined => {
  const file = join(manager.home, 'agent/agent.pid');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid : undefined;
};

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(what: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  const bound = Date.now() + seconds * 1000;
  while (!(await what())) {
    if (Date.now() > bound) {
      const told = commands.map(({ out, err }) => `${out}${err}`).join('\n');
      throw new Error(`not within ${String(seconds)} s: ${what.toString()}\n${told}`);
    }
    await new Promise((done) => setTimeout(done, 200));
  }
}

/** The commands that build SPOTs, by the SPOT's name. */
const builds = (): string[] =>
  nim.calls().flatMap(({ argv }) => (argv.includes('define') && argv.includes('spot') ? [argv.at(-1) ?? ''] : []));

const make = (image: string): string => `mknimimage -s ${join(dir, 'media')} ${image}`;
const building = (image: string): Promise<void> => until(() => builds().includes(image));

/** The agent has to join first; until then there is nobody with the role. */
const joined = (): Promise<void> => until(async () => /connected .*\bnim\b/.test(await said('hostler agents')));

test('the agent offers the role nim; agent and manager are killed while a SPOT is built, and it is built once', async () => {
  await joined();
  nim.set({ holdSpots: true });
  const command = start(make('img1'));
  await building('img1');
  const first = agentPid() ?? 0;
  process.kill(first, 'SIGKILL');
  await until(() => agentPid() !== undefined && agentPid() !== first);
  await joined();
  await manager.kill('SIGKILL');
  await manager.up();
  await joined();
  nim.set({ holdSpots: false });
  await until(async () => (await said('lsdef -t osimage')).includes('img1'));
  // The command that was watching when the manager went found it again, or said how to.
  expect(await command.ended).not.toBeNull();
  expect(await said('lsdef -t osimage -l img1')).toMatch(/spot=img1\n/);
  expect(builds()).toEqual(['img1']);
  expect(await said('hostler nim show --type spot')).toMatch(/^img1 +resources +spot$/m);
  expect(nim.calls().every(({ locale }) => locale === 'C')).toBe(true);
}, 200_000);

test('a machine that becomes a NIM master later: its agent gains the role', async () => {
  await manager.dispose();
  // The programs are not there yet.
  const late = join(dir, 'late');
  mkdirSync(late);
  process.env['PATH'] = `${late}:${pathBefore}`;
  manager = await RealManager.start([]);
  await until(async () => /connected/.test(await said('hostler agents')));
  expect(await said('hostler agents')).not.toMatch(/\bnim\b/);
  const refused = start('hostler nim show');
  expect(await refused.ended).not.toBe(0);
  expect(refused.err).toContain('nim');
  for (const program of ['nim', 'lsnim', 'nim_master_setup', 'df'])
    symlinkSync(join(nim.bin, program), join(late, program));
  await joined();
  await said(make('img1'));
}, 120_000);

test('Ctrl-C leaves the work, cancel waits and says so, and a second administrator waits and is told for whom', async () => {
  await joined();
  nim.set({ holdSpots: true });
  const command = start(make('img1'));
  await building('img1');
  command.process.kill('SIGINT');
  expect(await command.ended).toBe(130);
  const [, job = ''] = /Job (\S+) goes on/.exec(command.err) ?? [];
  const second = start(make('img2'));
  await until(() => /waits for job \S+ \(mknimimage/.test(second.err + second.out));
  const told = second.err + second.out;
  const cancel = start(`hostler cancel ${job}`);
  await cancel.ended;
  expect(cancel.out + cancel.err).toContain('must not be interrupted');
  expect(builds()).toEqual(['img1']);
  nim.set({ holdSpots: false });
  expect(await second.ended).toBe(0);
  expect(told).toContain(job);
  expect(builds()).toEqual(['img1', 'img2']);
  // The cancelled one ran to its end all the same: the SPOT is whole.
  expect(await said('hostler nim show -l img1')).toMatch(/Rstate +=.*ready for use/);
}, 200_000);

test('a node that is set up is watched: nodestat shows the step, and that it is booted', async () => {
  await joined();
  await said('mkdef -t network -o net1 net=10.0.0.0 mask=255.255.255.0 gateway=10.0.0.254');
  await said('mkdef -t node -o node01 groups=all ip=10.0.0.11 mac=00:11:22:33:44:01');
  await said(make('img1'));
  await said('nimnodeset -i img1 node01');
  await machineDoes('boot node01');
  await machineDoes('progress node01 BOS_install_40%_complete');
  await until(async () =>
    (await said('nodestat node01')).includes('node01: installing 40% (BOS_install_40%_complete)'),
  );
  await machineDoes('succeed node01');
  await until(async () => (await said('nodestat node01')).includes('node01: booted'));
}, 200_000);

test('a node registers and says how its postscripts ended; what is not its own word is refused', async () => {
  const port = await freePort();
  process.env['HOSTLER_NIM_REPORT'] = `127.0.0.1:${String(port)}`;
  try {
    await manager.dispose();
    manager = await RealManager.start([]);
  } finally {
    delete process.env['HOSTLER_NIM_REPORT'];
  }
  await joined();
  await said('mkdef -t network -o net1 net=127.0.0.0 mask=255.0.0.0 gateway=127.0.0.254');
  await said('mkdef -t node -o node01 groups=all ip=127.0.0.1 mac=00:11:22:33:44:01 postscripts=own');
  await said('mkdef -t node -o node02 groups=all ip=127.0.0.2 mac=00:11:22:33:44:02');
  await said('tabch key=system,username=root passwd.password=open.sesame');
  await said(make('img1'));
  await said('nimnodeset -i img1 node01,node02');
  const folder = join(manager.home, 'install/postscripts');
  const list = readFileSync(join(folder, 'mypostscripts/mypostscript.node01'), 'utf8');
  const [, agent = ''] = new RegExp(`^register 127\\.0\\.0\\.1 ${String(port)} (\\S+)$`, 'm').exec(list) ?? [];
  expect(list).toMatch(/^register .*\n(run_if_there .*\n)*run own\n/m);
  const ca = readFileSync(join(folder, 'hostler-ca.pem'), 'utf8');
  const tell = (what: string, body: string): Promise<string> => post({ port, ca, agent }, `/nim/${what}`, body);
  await until(() =>
    tell('register', 'node node02\n').then(
      (text) => text.includes('not the address'),
      () => false,
    ),
  );
  // From its own address, once: what was crypted from the password.
  expect(await tell('register', 'node node01\nlevel 7200-05\n')).toMatch(/^ok\nroot \{ssha512\}10\$/);
  await until(async () => (await said('nodestat node01')).includes('node01: postbooting'));
  expect(await tell('status', 'node node01\nstate failed\ndetail postscripts failed: own\n')).toBe('ok\n');
  await until(async () => (await said('nodestat node01')).includes('node01: failed'));
  expect(await tell('register', 'node node01\n')).toBe('ok\n');
  // Neither the job nor any log has the password.
  for (const file of ['agent/agent.log', 'log/manager.log'])
    expect(readFileSync(join(manager.home, file), 'utf8')).not.toMatch(/open\.sesame|ssha512/);
}, 200_000);

function post(to: { port: number; ca: string; agent: string }, path: string, body: string): Promise<string> {
  return new Promise((done, fail) => {
    const options = { host: '127.0.0.1', port: to.port, path, method: 'POST', ca: to.ca, servername: to.agent };
    const asking = request(options, (response) => {
      let text = '';
      response.on('data', (piece: Buffer) => (text += piece.toString()));
      response.on('end', () => {
        done(text);
      });
    });
    asking.once('error', fail);
    asking.end(body);
  });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done));
  const address = probe.address();
  await new Promise((done) => probe.close(done));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function machineDoes(words: string): Promise<void> {
  const child = spawn(join(nim.bin, 'nim-client'), words.split(' '), { stdio: 'inherit' });
  return new Promise((done, fail) => {
    child.once('close', (exit) => {
      if (exit === 0) done();
      else fail(new Error(`nim-client ${words}: exit ${String(exit)}`));
    });
  });
}
