import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { HostlerError } from '../../../shared/errors/error.ts';
import { processFailure } from '../../../shared/process/failure.ts';
import { run } from '../../../shared/process/run.ts';

const busy = 75;

/**
 * Runs `work` while no other build or packing touches the folder. The kernel holds the lock for a child that lives as
 * long as this process: nothing stale can be left behind, however this ends.
 * Throws `aborted` in xCAT's words when somebody else holds it.
 */
export async function withFolderLock<T>(rootimgdir: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  await mkdir(rootimgdir, { recursive: true, mode: 0o755 });
  return withLock(
    join(rootimgdir, '.lock'),
    (pid) =>
      `failed to acquire lock, seems there is another genimage/packimage/rmimage process ${pid} running on root image dir "${rootimgdir}"`,
    signal,
    work,
  );
}

/** As above for any file; with `wait` it waits for its turn, with `shared` until nobody holds the file alone. */
export async function withLock<T>(
  file: string,
  refusal: ((pid: string) => string) | 'wait' | 'shared',
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const hold = new PassThrough();
  const giveUp = new AbortController();
  let locked: () => void = () => {};
  const isLocked = new Promise<void>((resolve) => (locked = resolve));
  const mode = refusal === 'wait' ? [] : refusal === 'shared' ? ['--shared'] : ['--nonblock'];
  // cat echoes the first line when it runs, that is when the lock is held, and ends with its input, that is with us.
  const holder = run('flock', [...mode, '--conflict-exit-code', String(busy), '--no-fork', file, 'cat'], {
    input: hold,
    signal: giveUp.signal,
    onLine: () => locked(),
  });
  hold.write('held\n');
  const onAbort = (): void => giveUp.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([isLocked, holder]);
  } catch (error) {
    hold.end();
    if (processFailure(error)?.exit !== busy || typeof refusal === 'string') throw error;
    const pid = (await readFile(`${file}.pid`, 'utf8').catch(() => '')).trim();
    throw new HostlerError('aborted', refusal(/^\d+$/.test(pid) ? pid : 'of unknown number'), { cause: error });
  } finally {
    // From here on a stop lets `work` clean up under the lock.
    signal.removeEventListener('abort', onAbort);
  }
  try {
    if (refusal !== 'shared') await writeFile(`${file}.pid`, `${process.pid}\n`);
    return await work();
  } finally {
    hold.end();
    await holder.catch(() => {}); // however it ended, the lock is free
  }
}
