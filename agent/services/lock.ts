import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import { isAlive, startTimeOf } from '../../shared/process/alive.ts';

/** Who holds a lock: a process, and a word for people about what it is. */
export interface Holder {
  readonly pid: number;
  readonly startTime: string;
  readonly who: string;
}

export interface Lock {
  release(): Promise<void>;
}

/**
 * Takes a lock file, at once or not at all: undefined is never returned, the holder is. A holder that is gone, also by
 * SIGKILL or a reboot, holds nothing.
 */
export async function tryLock(file: string, who: string): Promise<Lock | Holder> {
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  const own: Holder = { pid: process.pid, startTime: startTimeOf(process.pid) ?? '', who };
  const mark = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(mark, JSON.stringify(own), { mode: 0o644 });
  try {
    for (let round = 0; round < 10; round += 1) {
      try {
        await link(mark, file);
        return { release: () => rm(file, { force: true }) };
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
      const holder = await readHolder(file);
      if (holder && isAlive(holder.pid, holder.startTime)) return holder;
      await breakStale(file, holder);
    }
  } finally {
    await rm(mark, { force: true });
  }
  throw new HostlerError('aborted', `The lock ${file} changes hands all the time. Try again.`);
}

/** Waits for the lock, runs, releases. `deadline_exceeded` names the holder. */
export async function withLock<T>(
  file: string,
  who: string,
  signal: AbortSignal,
  act: () => Promise<T>,
  timeoutMs = 30_000,
): Promise<T> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const lock = await tryLock(file, who);
    if (isLock(lock)) {
      try {
        return await act();
      } finally {
        await lock.release();
      }
    }
    if (Date.now() > until) {
      throw new HostlerError('deadline_exceeded', `${lock.who} (process ${lock.pid}) holds ${file}. Try again later.`);
    }
    await delay(20 + Math.random() * 30, undefined, { signal });
  }
}

export function isLock(lock: Lock | Holder): lock is Lock {
  return 'release' in lock;
}

/** Moves a dead holder's file away; when it turns out that somebody else was quicker, puts theirs back. */
async function breakStale(file: string, seen: Holder | undefined): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(file, aside);
  } catch {
    return;
  }
  const moved = await readHolder(aside);
  const same = moved?.pid === seen?.pid && moved?.startTime === seen?.startTime;
  if (!same) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, startTime, who } = value as Partial<Record<keyof Holder, unknown>>;
    if (typeof pid !== 'number' || typeof startTime !== 'string' || typeof who !== 'string') return undefined;
    return { pid, startTime, who };
  } catch {
    return undefined;
  }
}
