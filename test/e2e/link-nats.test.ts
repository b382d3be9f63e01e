// bound: 180 s
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '../../shared/process/alive.ts';
import { which } from '../../shared/process/which.ts';
import { freePort } from '../sim/broker.ts';
import { OwnBroker, ownBrokerPossible } from '../tools/own-broker.ts';
import { dist } from '../tools/real-manager.ts';

/*
 * The programs as they are installed: a manager that keeps its broker, and an agent that was told nothing of one.
 */

const run = promisify(execFile);
let folder: string;
let home: string;
let at: string;
let brokerAt: string;
let manager: ChildProcess | undefined;
let agent: ChildProcess | undefined;

async function until(what: string, condition: () => boolean | Promise<boolean>, seconds = 90): Promise<void> {
  const late = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > late) throw new Error(`not within ${seconds} s: ${what}`);
    await delay(100);
  }
}

async function hostler(...args: string[]): Promise<string> {
  return (await run(join(dist, 'hostler'), args, { env: { ...process.env, HOSTLER_HOME: home } })).stdout;
}

async function startManager(...nats: string[]): Promise<void> {
  const args = ['--home', home, '--listen', at, '--no-agent', ...nats];
  const child = spawn(join(dist, 'hostler-manager'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  manager = child;
  let said = '';
  child.stdout.on('data', (text: Buffer) => (said += text.toString()));
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  await until('the manager is ready', () => {
    if (child.exitCode !== null) throw new Error(said);
    return said.includes('is ready');
  });
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

async function linkOf(name: string): Promise<string> {
  const agents = JSON.parse(await hostler('agents', '--json')) as { name: string; state: string; link: string }[];
  const found = agents.find((one) => one.name === name);
  return found?.state === 'connected' ? found.link : (found?.state ?? 'unknown');
}

const broker = (): { pid: number; startTime: string } =>
  JSON.parse(readFileSync(join(home, 'nats/nats-server.pid'), 'utf8')) as { pid: number; startTime: string };
const embedded = (): string[] => ['--nats', 'embedded', '--nats-listen', brokerAt];

describe.skipIf(which('nats-server') === undefined)('hostler-manager --nats embedded (needs nats-server)', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hostler-e2e-nats-'));
    home = join(folder, 'm');
    at = `127.0.0.1:${await freePort()}`;
    brokerAt = `127.0.0.1:${await freePort()}`;
    await startManager(...embedded());
    const token = await hostler('agents', 'token', '--roles', 'build');
    const agentHome = join(folder, 'a');
    mkdirSync(join(agentHome, 'cache'), { recursive: true });
    // Asking thirty programs for their versions is not what this is about.
    writeFileSync(join(agentHome, 'cache/tools.json'), '{}');
    writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
    const args = ['--home', agentHome, '--manager', at, '--token-file', join(folder, 'token'), '--name', 'w1'];
    agent = spawn(join(dist, 'hostler-agent'), args, { stdio: 'ignore', cwd: '/' });
  });
  afterAll(async () => {
    await end(agent, 'SIGTERM');
    await end(manager, 'SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });

  test('an agent that was told nothing comes over NATS; what the broker is told is nobody else’s to read', async () => {
    await until('the agent is there', async () => (await linkOf('w1')) === 'nats');
    for (const name of readdirSync(join(home, 'nats'), { withFileTypes: true })) {
      if (name.isFile()) expect(statSync(join(home, 'nats', name.name)).mode & 0o077, name.name).toBe(0);
    }
    expect(statSync(join(home, 'authority/nats.json')).mode & 0o077).toBe(0);
    const called = readFileSync(`/proc/${broker().pid}/cmdline`, 'utf8').split('\0');
    expect(called.slice(1)).toEqual(['-c', join(home, 'nats/nats-server.conf'), '']);
  });

  test('the broker outlives a manager that is killed, and is taken over', async () => {
    const before = broker();
    await end(manager, 'SIGKILL');
    expect(isAlive(before.pid, before.startTime)).toBe(true);
    await startManager(...embedded());
    expect(broker()).toEqual(before);
    await until('the agent is back', async () => (await linkOf('w1')) === 'nats');
  });

  test('a broker that is killed is started again', async () => {
    const before = broker().pid;
    process.kill(before, 'SIGKILL');
    await until('another one runs', () => {
      try {
        return broker().pid !== before;
      } catch {
        return false; // between the two
      }
    });
    await until('the agent is back', async () => (await linkOf('w1')) === 'nats');
  });

  test('the broker ends with its manager; without it, the agent comes back over gRPC by itself', async () => {
    const { pid, startTime } = broker();
    await end(manager, 'SIGTERM');
    expect(isAlive(pid, startTime)).toBe(false);
    await startManager();
    await until('the agent is back', async () => (await linkOf('w1')) === 'grpc');
  });

  test.skipIf(!ownBrokerPossible)(
    'a broker of others, configured by hand as the page says, carries the link (--nats URL)',
    async () => {
      await end(manager, 'SIGTERM');
      const trust = (await run(join(dist, 'hostler-manager'), ['--home', home, '--nats-config'])).stdout;
      const there = join(folder, 'own');
      mkdirSync(there);
      const port = await freePort();
      const own = new OwnBroker({ folder: there, home, port, trust });
      own.configure();
      await own.start();
      try {
        await startManager('--nats', `nats://127.0.0.1:${port}`);
        const named = join(folder, 'b');
        mkdirSync(join(named, 'cache'), { recursive: true });
        writeFileSync(join(named, 'cache/tools.json'), '{}');
        writeFileSync(join(folder, 'token2'), await hostler('agents', 'token', '--roles', 'build'), { mode: 0o600 });
        const args = ['--home', named, '--manager', at, '--token-file', join(folder, 'token2'), '--name', 'w2'];
        const second = spawn(join(dist, 'hostler-agent'), [...args, '--nats', `nats://127.0.0.1:${port}`], {
          stdio: 'ignore',
          cwd: '/',
        });
        try {
          await until('the second agent is there', async () => (await linkOf('w2')) === 'nats');
        } finally {
          await end(second, 'SIGTERM');
        }
        await end(manager, 'SIGTERM');
        expect(isAlive(own.pid)).toBe(true);
      } finally {
        await own.stop();
      }
    },
  );

  test('a port that is taken is said, and nothing is left behind', async () => {
    await end(manager, 'SIGTERM');
    const taken: Server = createServer((socket) => socket.end('no broker\r\n'));
    await new Promise<void>((resolve) => taken.listen(Number(brokerAt.split(':')[1]), '127.0.0.1', resolve));
    try {
      await expect(startManager(...embedded())).rejects.toThrow(/Somebody else listens on .*--nats-listen/);
    } finally {
      taken.close();
    }
    const text = (await run(join(dist, 'hostler-manager'), ['--home', home, '--nats-config'])).stdout;
    expect(text).toMatch(/^operator: \S+\nsystem_account: \S+\nresolver: MEMORY\nresolver_preload \{\n/);
    expect(text).not.toMatch(/\bS[OAU][A-Z2-7]{50}/);
  });
});
