// bound: 120 s
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDiskStore } from '../../manager/registry/disk-store.ts';
import { createProof, proofHeader } from '../../shared/wire/proof.ts';
import { dist } from '../tools/real-manager.ts';

const asRoot = process.getuid?.() === 0;
/** Nobody on any Debian. */
const nobody = 65_534;

let folder: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostler-life-'));
  // The manager may run as another user, who has to get here.
  chmodSync(folder, 0o755);
});
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
});

interface Running {
  readonly child: ChildProcess;
  readonly ready: string;
}

/** Starts a manager and waits for its line; rejects with what it says when it ends before. */
async function startManager(args: readonly string[], env: Record<string, string> = {}): Promise<Running> {
  const child = spawn(join(dist, 'hostler-manager'), [...args], {
    env: { ...process.env, HOSTLER_HOME: join(folder, 'default'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  const lines = createInterface(child.stdout);
  const ready = await Promise.race([
    once(lines, 'line').then(([line]) => String(line)),
    once(child, 'exit').then(() => Promise.reject(new Error(errors))),
  ]);
  return { child, ready };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exit = once(child, 'exit');
  child.kill(signal);
  const [code] = (await exit) as [number | null];
  return code;
}

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function cli(home: string, [name = '', ...args]: readonly string[], uid?: number): Promise<Said> {
  const env = { ...process.env, HOSTLER_HOME: home };
  const user = uid === undefined ? {} : { uid, gid: uid };
  return new Promise((done) => {
    const child = execFile(join(dist, 'bin', name), args, { env, ...user }, (_error, stdout, stderr) => {
      done({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

test('a manager begins with revision 1, keeps everything under its home, and leaves in order', async () => {
  const home = join(folder, 'home');
  const { child, ready } = await startManager(['--home', home, '--no-agent']);
  expect(ready).toMatch(
    /^hostler-manager \S+ is ready: home \S+\/home, revision 1, listens on \S+\/home\/manager\.sock$/,
  );
  const modes = Object.fromEntries(
    ['', 'manager.sock', 'proof', 'registry', 'log/manager.log'].map((name) => [
      name,
      statSync(join(home, name)).mode & 0o7777,
    ]),
  );
  expect(modes).toEqual({ '': 0o711, 'manager.sock': 0o666, proof: 0o1733, registry: 0o700, 'log/manager.log': 0o640 });
  expect((await cli(home, ['gettab', 'key=installdir', 'site.value'])).stdout).toBe(`${home}/install\n`);
  expect(await stop(child, 'SIGTERM')).toBe(0);
  expect(existsSync(join(home, 'manager.sock'))).toBe(false);
  expect(readdirSync(join(home, 'proof'))).toEqual([]);
});

test('a second manager on the same home is told who has it; another home works beside it', async () => {
  const home = join(folder, 'a');
  const first = await startManager(['--home', home, '--no-agent']);
  const second = startManager(['--home', home, '--no-agent']);
  await expect(second).rejects.toThrow(
    new RegExp(`in use by another manager \\(process ${first.child.pid ?? 0}, since 20`),
  );
  await startManager(['--home', join(folder, 'b'), '--no-agent']);
  expect((await cli(home, ['nodels'])).code).toBe(0);
});

test('killed without warning, it comes back with everything that it had acknowledged', async () => {
  const home = join(folder, 'home');
  const first = await startManager(['--home', home, '--no-agent']);
  const acknowledged: string[] = [];
  const adding = (async () => {
    for (let number = 0; ; number++) {
      const said = await cli(home, ['nodeadd', `n${number}`, 'groups=all']);
      if (said.code !== 0) return;
      acknowledged.push(`n${number}`);
    }
  })();
  await expect.poll(() => acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(2);
  await stop(first.child, 'SIGKILL');
  await adding;
  await startManager(['--home', home, '--no-agent']);
  const nodes = (await cli(home, ['nodels'])).stdout.trim().split('\n');
  expect(nodes).toEqual(expect.arrayContaining(acknowledged));
  expect(nodes.length).toBeLessThanOrEqual(acknowledged.length + 1);
});

test('nonsense on the socket harms nobody', async () => {
  const home = join(folder, 'home');
  const { child } = await startManager(['--home', home, '--no-agent']);
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const nonsense = [
    randomBytes(4000),
    Buffer.from([0x16, 3, 1, 0xff, 0xff, 1, 2, 3]),
    Buffer.concat([preface, randomBytes(4000)]),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.alloc(0),
  ];
  for (const bytes of nonsense) {
    const socket = connect(join(home, 'manager.sock'));
    socket.on('error', () => undefined);
    socket.end(bytes);
    socket.resume();
    await once(socket, 'close');
  }
  const raw = new Client(`unix:${join(home, 'manager.sock')}`, credentials.createInsecure());
  const answers = [];
  for (const bytes of [
    Buffer.from([0xff, 0xff, 0xff]),
    Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    randomBytes(500),
  ]) {
    const proof = new Metadata();
    proof.set(proofHeader, createProof(home).token);
    const same = (value: Buffer): Buffer => value;
    const call = raw.makeServerStreamRequest('/hostler.v1.Api/Run', same, same, bytes, proof);
    call.on('data', () => undefined);
    const [error] = (await once(call, 'error')) as [{ code: number }];
    answers.push(error.code);
  }
  raw.close();
  expect(answers.every((code) => code > 0)).toBe(true);
  expect((await cli(home, ['nodels'])).code).toBe(0);
  expect(child.exitCode).toBe(null);
});

test('a registry of a newer format is refused and left as it is', async () => {
  const home = join(folder, 'home');
  await stop((await startManager(['--home', home, '--no-agent'])).child, 'SIGTERM');
  const store = await openDiskStore(join(home, 'registry'));
  await store.write([{ key: 'm\u0000format', value: '99' }], true);
  await store.close();
  await expect(startManager(['--home', home, '--no-agent'])).rejects.toThrow(
    /has format 99.*Start the version that wrote it/,
  );
});

test.each([
  [['--home', `/tmp/${'x'.repeat(120)}`], /too long a path for a socket/],
  [['--agent-roles', 'builder'], /no role 'builder'/],
  [['--listen', 'nonsense'], /not HOST:PORT/],
  [['--nats', 'http://x'], /no address of a broker/],
  [['--nats-listen', '127.0.0.1:4222'], /belongs to --nats embedded/],
  [['extra'], /Try 'hostler-manager --help'/],
])('%j is refused with a sentence', async (args, message) => {
  await expect(startManager([...args, '--no-agent'])).rejects.toThrow(message);
});

describe.skipIf(!asRoot)('started by root (needs root)', () => {
  test('another user may knock and is not let in; a policy lets him in', async () => {
    const home = join(folder, 'home');
    await startManager(['--home', home, '--no-agent']);
    const denied = await cli(home, ['nodels'], nobody);
    expect(denied.stderr).toMatch(/nobody may not run 'nodels'/);
    expect(denied.code).not.toBe(0);
    await cli(home, ['chtab', 'priority=7', 'policy.name=nobody', 'policy.commands=nodels', 'policy.rule=allow']);
    expect((await cli(home, ['nodels'], nobody)).code).toBe(0);
    expect((await cli(home, ['noderm', 'x'], nobody)).stderr).toMatch(/nobody may not run/);
  });

  test('with --user it gives root up and keeps the agent, which is started again when it dies and ends with it', async () => {
    const home = join(folder, 'home');
    const report = join(folder, 'agent-report');
    const program = join(folder, 'hostler-agent.cjs');
    const line = `JSON.stringify({ pid: process.pid, uid: process.getuid(), token: (process.env.HOSTLER_TOKEN ?? '').length, argv: process.argv.slice(2) })`;
    writeFileSync(
      program,
      `require('fs').appendFileSync(${JSON.stringify(report)}, ${line} + '\\n'); setInterval(() => {}, 1000);`,
    );
    const env = { HOSTLER_AGENT_PROGRAM: program };
    const { child } = await startManager(['--home', home, '--user', 'nobody', '--agent-roles', 'build,store'], env);
    interface AgentReport {
      readonly pid: number;
      readonly uid: number;
      readonly token: number;
      readonly argv: readonly string[];
    }
    const reports = (): AgentReport[] =>
      existsSync(report)
        ? readFileSync(report, 'utf8')
            .trim()
            .split('\n')
            .map((text) => JSON.parse(text) as AgentReport)
        : [];
    await expect.poll(() => reports().length, { timeout: 30_000 }).toBe(1);
    const [first] = reports();
    expect(first).toMatchObject({ uid: 0 });
    expect(first?.token).toBeGreaterThan(20);
    expect(first?.argv).toEqual(
      expect.arrayContaining([
        '--manager',
        `unix:${home}/manager.sock`,
        '--roles',
        'build,store',
        '--home',
        `${home}/agent`,
      ]),
    );
    expect(first?.argv.join(' ')).not.toMatch(/token/);
    expect(statSync(join(home, 'registry')).uid).toBe(nobody);
    const { pid } = JSON.parse(readFileSync(join(home, 'manager.pid'), 'utf8')) as { pid: number };
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(
      new RegExp(`^Uid:\\s+${nobody}\\s+${nobody}\\s+${nobody}`, 'm'),
    );
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Groups:\s*(65534 ?)?$/m);

    process.kill(first?.pid ?? 0, 'SIGKILL');
    await expect.poll(() => reports().length, { timeout: 30_000 }).toBe(2);
    const again = reports()[1]?.pid ?? 0;

    // Killed itself, it leaves the agent at its work; its successor takes it over, and ends it when it ends.
    await stop(child, 'SIGKILL');
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 30_000 }).toBe(false);
    expect(existsSync(`/proc/${again}`)).toBe(true);
    const next = await startManager(['--home', home, '--user', 'nobody'], env);
    expect(await stop(next.child, 'SIGTERM')).toBe(0);
    await expect.poll(() => existsSync(`/proc/${again}`), { timeout: 30_000 }).toBe(false);
    expect(reports()).toHaveLength(2);
  });
});
