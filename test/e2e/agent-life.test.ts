import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { toolsFound } from '../../agent/facts/tools.ts';
import { TaskFolder } from '../../agent/spool/folder.ts';
import { isAlive, processIds } from '../../shared/process/alive.ts';
import { FakeManager } from '../fixtures/agent/fake-manager.ts';
import { testProgram } from '../fixtures/agent/test-program.ts';
import type { TestSpec } from '../fixtures/agent/test-kinds.ts';

/*
 * Real agent processes on a real link. They are killed at the worst moments; what was accepted must still come to its
 * right end, once.
 */

let dir: string;
let home: string;
let manager: FakeManager;
const agents: ChildProcess[] = [];
let said: string[];
let tools: string;

async function until<T>(what: () => T | undefined | false, seconds = 20): Promise<T> {
  for (let i = 0; i < seconds * 50; i += 1) {
    const found = what();
    if (found !== undefined && found !== false) return found;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`not within ${seconds} s: ${what.toString()}\n${said.join('')}`);
}

function startAgent(): ChildProcess {
  const [program, ...args] = testProgram;
  const agent = spawn(program, [...args, 'run', home], { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
  agent.stdout.on('data', (text: Buffer) => said.push(text.toString()));
  agent.stderr.on('data', (text: Buffer) => said.push(text.toString()));
  agents.push(agent);
  return agent;
}

const ended = (agent: ChildProcess): Promise<number | null> =>
  agent.exitCode !== null || agent.signalCode !== null
    ? Promise.resolve(agent.exitCode)
    : new Promise((resolve) => agent.once('exit', (code) => resolve(code)));

async function kill9(agent: ChildProcess): Promise<void> {
  const gone = ended(agent);
  agent.kill('SIGKILL');
  await gone;
}

const give = (id: string, spec: Omit<TestSpec, 'folder'>, more: object = {}): Promise<void> =>
  manager.give({
    id,
    kind: 'test',
    kindVersion: 2,
    spec: JSON.stringify({ folder: dir, ...spec }),
    title: id,
    ...more,
  });

const release = (): string => join(dir, 'release');
const runs = (): string[] => readFileSync(join(dir, 'runs'), 'utf8').trim().split('\n');
const taskFolder = (id: string): TaskFolder => new TaskFolder(join(home, 'spool', id));

/** Processes that belong to tasks of this test. */
function leftovers(): number[] {
  return processIds().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOSTLER_TASK_DIR=${home}`) && isAlive(pid);
    } catch {
      return false;
    }
  });
}

beforeAll(async () => {
  tools = join(mkdtempSync(join(tmpdir(), 'hostler-agent-tools-')), 'tools.json');
  await toolsFound(tools);
});
afterAll(() => rmSync(dirname(tools), { recursive: true, force: true }));
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hostler-agent-life-'));
  home = join(dir, 'home');
  mkdirSync(join(home, 'cache'), { recursive: true });
  // Asking thirty programs for their versions is not what these tests are about.
  copyFileSync(tools, join(home, 'cache/tools.json'));
  said = [];
  manager = await FakeManager.start();
  const identity = await manager.authority.issue('worker', { roles: ['build'] });
  writeFileSync(
    join(home, 'test.json'),
    JSON.stringify({ manager: manager.address, name: 'worker', roles: ['build'], once: false, identity }),
  );
});
afterEach(async () => {
  writeFileSync(release(), '');
  for (const agent of agents.splice(0)) await kill9(agent);
  for (const pid of leftovers()) process.kill(pid, 'SIGKILL');
  manager.stop();
  spawnSync('umount', ['-l', home]);
  rmSync(dir, { recursive: true, force: true });
});

describe('the life of an agent', () => {
  test('killed -9 in the middle of a task: the task goes on, is found again, and its result comes once', async () => {
    const first = startAgent();
    await until(() => manager.connected);
    await give('1.build', { lines: 200, until: release() });
    await until(() => manager.logOf('1.build').includes('line 199'));
    await kill9(first);
    const pid = taskFolder('1.build').start()?.pid ?? 0;
    expect(isAlive(pid)).toBe(true);
    startAgent();
    await until(() => manager.hellos.length === 2);
    expect(manager.hellos[1]?.openTasks).toEqual([{ id: '1.build', state: 'running' }]);
    expect(manager.hellos[1]?.incarnation).toBe(manager.hellos[0]?.incarnation);
    expect(isAlive(pid)).toBe(true);
    writeFileSync(release(), '');
    await until(() => manager.results('1.build')[0]);
    await until(() => !existsSync(taskFolder('1.build').dir));
    expect(manager.results('1.build')).toMatchObject([{ outcome: 'done', result: '"well done"' }]);
    expect(manager.logOf('1.build').trim().split('\n')).toHaveLength(200);
    expect(runs()).toEqual(['1.build']);
  });

  test('killed -9 while the task ends: the next agent reports the result', async () => {
    const first = startAgent();
    await until(() => manager.connected);
    await give('2.build', { lines: 3, until: release() });
    await until(() => manager.logOf('2.build').includes('line 2'));
    await kill9(first);
    writeFileSync(release(), '');
    await until(() => taskFolder('2.build').result());
    startAgent();
    expect(await until(() => manager.results('2.build')[0])).toMatchObject({ outcome: 'done' });
    await until(() => !existsSync(taskFolder('2.build').dir));
    expect(manager.results('2.build')).toHaveLength(1);
    expect(manager.hellos[1]?.openTasks).toEqual([{ id: '2.build', state: 'finished' }]);
  });

  test('the process of a task killed -9: failed with the reason, its children gone, cleaned up', async () => {
    startAgent();
    await until(() => manager.connected);
    await give('3.build', { lines: 2, child: true });
    const child = Number(await until(() => /child (\d+)/.exec(manager.logOf('3.build'))?.[1]));
    process.kill(taskFolder('3.build').start()?.pid ?? 0, 'SIGKILL');
    const result = await until(() => manager.results('3.build')[0]);
    expect(result).toMatchObject({ outcome: 'failed', code: 'internal' });
    expect(result.message).toContain('SIGKILL');
    expect(result.message).toContain('line 1 of 3.build');
    expect(isAlive(child)).toBe(false);
    expect(readFileSync(join(dir, 'cleaned'), 'utf8')).toBe('3.build');
    await until(() => leftovers().length === 0);
  });

  test('agent and task killed -9 together: the next agent says that the task died, and cleans up', async () => {
    const first = startAgent();
    await until(() => manager.connected);
    await give('4.build', { lines: 1, child: true });
    const child = Number(await until(() => /child (\d+)/.exec(manager.logOf('4.build'))?.[1]));
    await kill9(first);
    process.kill(taskFolder('4.build').start()?.pid ?? 0, 'SIGKILL');
    startAgent();
    const result = await until(() => manager.results('4.build')[0]);
    expect(result).toMatchObject({ outcome: 'failed', code: 'internal' });
    expect(isAlive(child)).toBe(false);
    expect(readFileSync(join(dir, 'cleaned'), 'utf8')).toBe('4.build');
    expect(manager.results('4.build')).toHaveLength(1);
  });

  test('killed -9 again and again at any moment: every task is run once and has one result', async () => {
    const ids = Array.from({ length: 6 }, (_, i) => `9.${i}`);
    let agent = startAgent();
    await until(() => manager.connected);
    for (const id of ids) await give(id, { lines: 300, pauseMs: 2 });
    for (let kills = 0; kills < 8; kills += 1) {
      // From before the hello to the middle of the reports.
      await new Promise((done) => setTimeout(done, 500 + kills * 90));
      await kill9(agent);
      agent = startAgent();
      const hellos = manager.hellos.length;
      if (kills % 2 === 0) await until(() => manager.hellos.length > hellos);
    }
    await until(() => ids.every((id) => manager.results(id).length > 0), 60);
    await until(() => readdirSync(join(home, 'spool')).every((name) => name.startsWith('.')));
    for (const id of ids) {
      expect(manager.results(id), id).toMatchObject([{ outcome: 'done' }]);
      expect(manager.logOf(id).trim().split('\n'), id).toHaveLength(300);
    }
    expect(runs().sort()).toEqual(ids);
  });

  test('killed -9 while it cleans up after a dead task: the next agent cleans up again', async () => {
    const first = startAgent();
    await until(() => manager.connected);
    await give('10.build', { lines: 1, until: release(), cleanUpUntil: join(dir, 'clean') });
    await until(() => manager.logOf('10.build') !== '');
    process.kill(taskFolder('10.build').start()?.pid ?? 0, 'SIGKILL');
    await until(() => manager.logOf('10.build').includes('cleaning up'));
    await kill9(first);
    writeFileSync(join(dir, 'clean'), '');
    startAgent();
    expect(await until(() => manager.results('10.build')[0])).toMatchObject({ outcome: 'failed', code: 'internal' });
    expect(readFileSync(join(dir, 'cleaned'), 'utf8')).toBe('10.build');
    expect(manager.results('10.build')).toHaveLength(1);
  });

  test('a cancelled task takes its programs with it', async () => {
    startAgent();
    await until(() => manager.connected);
    await give('5.build', { child: true });
    const child = Number(await until(() => /child (\d+)/.exec(manager.logOf('5.build'))?.[1]));
    await manager.cancel('5.build', 'root cancelled job 5');
    expect(await until(() => manager.results('5.build')[0])).toMatchObject({
      outcome: 'cancelled',
      code: 'cancelled',
      message: 'root cancelled job 5',
    });
    expect(isAlive(child)).toBe(false);
    await until(() => leftovers().length === 0);
  });

  test('the connection is cut again and again: a long log arrives whole', async () => {
    startAgent();
    await until(() => manager.connected);
    await give('6.build', { lines: 20_000, until: release() });
    for (let cuts = 1; cuts <= 3; cuts += 1) {
      await until(() => manager.connected && manager.hellos.length === cuts && manager.logOf('6.build') !== '');
      await manager.cut();
    }
    writeFileSync(release(), '');
    await until(() => manager.results('6.build')[0]);
    const lines = (await until(() => manager.logOf('6.build').includes('line 19999 ') && manager.logOf('6.build')))
      .trim()
      .split('\n');
    expect(lines.map((line) => Number(/^line (\d+) /.exec(line)?.[1]))).toEqual(
      Array.from({ length: 20_000 }, (_, i) => i),
    );
    expect(manager.results('6.build')).toHaveLength(1);
  });

  test('a full disk: the task is refused with the reason, and the agent lives', async () => {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=700', 'hostler-test', home]);
    const config = { manager: manager.address, name: 'worker', roles: ['build'], once: false };
    const identity = await manager.authority.issue('worker', { roles: ['build'] });
    writeFileSync(join(home, 'test.json'), JSON.stringify({ ...config, identity }));
    expect(mounted.status, mounted.stderr.toString()).toBe(0);
    startAgent();
    await until(() => manager.connected);
    const { bavail, bsize } = statfsSync(home);
    writeFileSync(join(home, 'filler'), Buffer.alloc(bavail * bsize - bsize));
    await give('7.build', {});
    const result = await until(() => manager.results('7.build')[0]);
    expect(result).toMatchObject({ outcome: 'failed', code: 'resource_exhausted' });
    expect(result.message).toContain('full');
    rmSync(join(home, 'filler'));
    await give('7.again', { lines: 1 });
    expect(await until(() => manager.results('7.again')[0])).toMatchObject({ outcome: 'done' });
    expect(readdirSync(join(home, 'spool')).filter((name) => name.startsWith('.new-'))).toEqual([]);
  });

  test('once: the agent leaves when it is let go, after everything was told, and leaves no process', async () => {
    const settings = JSON.parse(readFileSync(join(home, 'test.json'), 'utf8')) as object;
    writeFileSync(join(home, 'test.json'), JSON.stringify({ ...settings, once: true }));
    const agent = startAgent();
    await until(() => manager.connected);
    expect(manager.hellos[0]?.once).toBe(true);
    await give('8.build', { lines: 5 });
    await until(() => manager.results('8.build')[0]);
    await manager.dismiss();
    expect(await ended(agent)).toBe(0);
    expect(leftovers()).toEqual([]);
    expect(readdirSync(join(home, 'spool')).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  test('two agents on one home: the second says who holds it and leaves', async () => {
    const first = startAgent();
    await until(() => manager.connected);
    const second = startAgent();
    expect(await ended(second)).toBe(1);
    expect(said.join('')).toContain(`process ${first.pid}`);
    expect(first.exitCode).toBeNull();
  });
});
