import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLock, tryLock, withLock } from '../../../../agent/services/lock.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hostler-lock-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('tryLock', () => {
  it('names the holder, and is free again after release', async () => {
    const file = join(dir, 'lock');
    const first = await tryLock(file, 'the first');
    const second = await tryLock(file, 'the second');
    expect(isLock(second) ? undefined : second).toMatchObject({ who: 'the first', pid: process.pid });
    if (isLock(first)) await first.release();
    expect(isLock(await tryLock(file, 'the second'))).toBe(true);
    expect(await readdir(dir)).toEqual(['lock']);
  });

  it.each([
    ['a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, startTime: 'ticks:1', who: 'gone' })],
    ['another process with its number', JSON.stringify({ pid: process.pid, startTime: 'ticks:1', who: 'gone' })],
    ['nobody (cut off)', '{"pid":'],
  ])('takes over from %s', async (_who, content) => {
    const file = join(dir, 'lock');
    await writeFile(file, content);
    expect(isLock(await tryLock(file, 'me'))).toBe(true);
  });

  it('lets one at a time in', async () => {
    const file = join(dir, 'lock');
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    const signal = AbortSignal.timeout(10_000);
    await Promise.all(Array.from({ length: 8 }, (_, index) => withLock(file, `w${index}`, signal, work)));
    expect(most).toBe(1);
  });
});
