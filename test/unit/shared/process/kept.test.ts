import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isAlive } from '../../../../shared/process/alive.ts';
import { type KeptOptions, KeptProgram, type Started } from '../../../../shared/process/kept.ts';

let folder: string;
let kept: KeptProgram[];
let ends: [how: string, seconds: number][];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostler-kept-'));
  kept = [];
  ends = [];
});
afterEach(async () => {
  await Promise.all(kept.map((one) => one.stop()));
  rmSync(folder, { recursive: true, force: true });
});

function keep(script: string, more: Partial<KeptOptions> = {}): KeptProgram {
  const one = new KeptProgram({
    pidFile: join(folder, 'pid'),
    pidMode: 0o600,
    note: { digest: 'x' },
    log: join(folder, 'log'),
    pauses: [20, 80],
    earlier: undefined,
    command: () => ({ program: '/bin/sh', args: ['-c', script], env: { WORD: 'hello' } }),
    ended: (...end) => ends.push(end),
    ...more,
  });
  kept.push(one);
  return one;
}

const noted = (): Started & { digest: string } =>
  JSON.parse(readFileSync(join(folder, 'pid'), 'utf8')) as Started & { digest: string };
const bound = { timeout: 10_000 };

test('one that dies is started again, with growing pauses', async () => {
  keep('echo $WORD; exit 3');
  await vi.waitFor(() => expect(ends.length).toBeGreaterThanOrEqual(4), bound);
  expect(ends.slice(0, 4)).toEqual([
    ['exit 3', 0.02],
    ['exit 3', 0.04],
    ['exit 3', 0.08],
    ['exit 3', 0.08],
  ]);
  expect(readFileSync(join(folder, 'log'), 'utf8')).toMatch(/^hello\nhello\n/);
  expect(statSync(join(folder, 'log')).mode & 0o777).toBe(0o600);
});

test('one that cannot be started, or is not to be after all, is tried again', async () => {
  let asked = 0;
  const command = (): never => {
    asked++;
    throw new Error('no token');
  };
  const one = keep('', { command });
  await vi.waitFor(() => expect(asked).toBeGreaterThan(2), bound);
  expect(ends[0]).toEqual(['no token', 0.02]);
  await one.stop();
  const after = asked;
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(asked).toBe(after);
});

test('it is ended by stop, and its file goes', async () => {
  const one = keep('exec sleep 100');
  await vi.waitFor(() => expect(one.pid).toBeGreaterThan(0), bound);
  const { pid } = one;
  expect(noted()).toMatchObject({ pid, digest: 'x' });
  await one.stop();
  expect(one.pid).toBe(0);
  expect(isAlive(pid)).toBe(false);
  expect(existsSync(join(folder, 'pid'))).toBe(false);
  expect(ends).toEqual([]);
});

test('one of an earlier keeper is taken over, and started anew when it ends', async () => {
  const first = keep('exec sleep 100');
  await vi.waitFor(() => expect(first.pid).toBeGreaterThan(0), bound);
  const earlier = noted();
  const second = keep('exec sleep 101', { earlier, pidFile: join(folder, 'pid2') });
  expect(second.pid).toBe(earlier.pid);
  await first.stop();
  await vi.waitFor(() => expect([0, earlier.pid]).not.toContain(second.pid), bound);
});

test('one whose process id cannot be noted does not stay beside the next one', async () => {
  const pids = join(folder, 'pids');
  keep(`echo $$ >> ${pids}; exec sleep 60`, { pidFile: join(folder, 'none', 'pid') });
  await vi.waitFor(() => expect(ends.length).toBeGreaterThanOrEqual(2), bound);
  expect(ends[0]?.[0]).toMatch(/ENOENT/);
  await Promise.all(kept.splice(0).map((one) => one.stop()));
  const left = existsSync(pids) ? readFileSync(pids, 'utf8').split('\n').map(Number) : [];
  expect(left.filter((pid) => isAlive(pid))).toEqual([]);
});
