import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { run } from '../../../../shared/process/run.ts';
import type { TaskContext } from '../../types.ts';
import { removeTree } from '../../image-tree/remove.ts';

/** Everything that a tree is, as rsync(1) calls it. */
export const wholeTree: readonly string[] = ['-aHAXS', '--numeric-ids'];

/**
 * A tree beside another: where the file system can share content between files it does, else files are written anew,
 * but for those that are in `basis` already, which get one more name. What is at `to` is brought up to date.
 */
export async function copyTree(
  from: string,
  to: string,
  basis: string | undefined,
  context: Pick<TaskContext, 'signal'>,
): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  if ((await lstat(to).catch(() => undefined)) === undefined && (await shares(from, to, context))) return;
  const links = basis === undefined ? [] : [`--link-dest=${basis}`];
  await run('rsync', [...wholeTree, '--delete', ...links, `${from}/`, `${to}/`], {
    signal: context.signal,
    env: { LC_ALL: 'C' },
  });
}

/** cp(1): fails at the first file where the file system cannot share. */
async function shares(from: string, to: string, { signal }: Pick<TaskContext, 'signal'>): Promise<boolean> {
  try {
    await run('cp', ['--archive', '--reflink=always', '--no-target-directory', '--', from, to], { signal });
    return true;
  } catch {
    signal.throwIfAborted();
    await removeTree(to);
    return false;
  }
}

/** Paths in which two trees differ by size, time, mode, owner or attributes; at most `most`. */
export async function differing(
  from: string,
  to: string,
  most: number,
  context: Pick<TaskContext, 'signal'>,
): Promise<string[]> {
  const found: string[] = [];
  await run(
    'rsync',
    [...wholeTree, '--dry-run', '--delete', '--omit-dir-times', '--out-format=%i %n', `${from}/`, `${to}/`],
    {
      signal: context.signal,
      env: { LC_ALL: 'C' },
      onLine: (line) => {
        const match = /^(?:\*deleting|[<>ch.][fdLDS]\S{9,}) +(.*)$/.exec(line);
        if (match?.[1] !== undefined && found.length < most) found.push(match[1]);
      },
    },
  );
  return found;
}
