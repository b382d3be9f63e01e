import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { elapsed, isAlive, startTimeOf } from '../../../../shared/process/alive.ts';
import { endChildren } from '../../../../shared/process/children.ts';
import { which } from '../../../../shared/process/which.ts';

test('a process is known by number and start time together', () => {
  const start = startTimeOf(process.pid);
  expect(start).toBeDefined();
  expect(isAlive(process.pid, start)).toBe(true);
  expect(isAlive(process.pid, 'ticks:1')).toBe(false);
  expect(isAlive(0)).toBe(false);
  expect(isAlive(-1)).toBe(false);
  expect(isAlive(2 ** 40)).toBe(false);
});

test('a zombie is dead', async () => {
  // When the child ends, the shell has become another sleep, which does not wait for it.
  const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 20'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const zombie = await new Promise<number>((done) =>
    parent.stdout.once('data', (d: Buffer) => done(Number(d.toString()))),
  );
  for (let i = 0; i < 500 && isAlive(zombie); i += 1) await new Promise((done) => setTimeout(done, 10));
  expect(isAlive(zombie)).toBe(false);
  process.kill(zombie, 0); // there it is all the same
  parent.kill('SIGKILL');
});

test('elapsed time of ps in all its forms', () => {
  expect(['00:05', '01:02:03', '3-00:00:01', 'x'].map(elapsed)).toEqual([5, 3723, 259_201, undefined]);
});

test('which finds programs also without PATH', () => {
  expect(which('sh', '')).toMatch(/\/sh$/);
  expect(which('no-such-program-here')).toBeUndefined();
  expect(which('/etc/passwd')).toBeUndefined();
});

test('children of a dead task are ended: recorded groups, those that ran away from them, and nobody else', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hostler-children-'));
  const env = { ...process.env, HOSTLER_TASK_DIR: dir };
  const plain = { ...process.env };
  delete plain['HOSTLER_TASK_DIR'];
  const recorded = spawn('sh', ['-c', 'trap "" TERM; sleep 60 & wait'], {
    detached: true,
    env: plain,
    stdio: 'ignore',
  });
  const ranAway = spawn('sleep', ['60'], { detached: true, env, stdio: 'ignore' });
  const stranger = spawn('sleep', ['60'], { detached: true, env: plain, stdio: 'ignore' });
  mkdirSync(join(dir, 'children'));
  const note = (pid: number | undefined, startTime: string | undefined): void =>
    writeFileSync(join(dir, 'children', String(pid)), JSON.stringify({ pid, startTime, program: 'sh' }));
  note(recorded.pid, startTimeOf(recorded.pid ?? 0));
  note(stranger.pid, 'ticks:1'); // its number was somebody else's when this was written
  writeFileSync(join(dir, 'children', 'half'), '{"pi');
  try {
    expect(await endChildren(dir, 200)).toBe(process.platform === 'linux' ? 2 : 1);
    expect(isAlive(recorded.pid ?? 0)).toBe(false);
    if (process.platform === 'linux') expect(isAlive(ranAway.pid ?? 0)).toBe(false);
    expect(isAlive(stranger.pid ?? 0)).toBe(true);
  } finally {
    stranger.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
});
