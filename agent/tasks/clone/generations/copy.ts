import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../../../../shared/process/run.ts';
import type { TaskContext } from '../../types.ts';

/** Everything that a tree is, as rsync(1) calls it. */
export const wholeTree: readonly string[] = ['-aHAXS', '--numeric-ids'];

/** What cp(1) is told one by one is an error when it cannot be kept; of `all` it would pass over attributes. */
const kept = ['--recursive', '--no-dereference', '--preserve=mode,ownership,timestamps,links,xattr'];

/**
 * A tree beside another: where the file system can share content between files it does, else files are written anew,
 * but for those that are in `basis` already, which get one more name. What is at `to` is brought up to date.
 */
export async function copyTree(
  from: string,
  to: string,
  basis: string | undefined,
  { signal }: Pick<TaskContext, 'signal'>,
): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  const fresh = (await lstat(to).catch(() => undefined)) === undefined;
  if (fresh && (basis === undefined || (await shares(dirname(to))))) {
    // Half of rsync's time where there are very many files: it writes each under another name first.
    await run('cp', [...kept, '--reflink=auto', '--sparse=auto', '--no-target-directory', '--', from, to], {
      signal,
      env: { LC_ALL: 'C' },
    });
    return;
  }
  const links = basis === undefined ? [] : [`--link-dest=${basis}`];
  await run('rsync', [...wholeTree, '--delete', ...links, `${from}/`, `${to}/`], { signal, env: { LC_ALL: 'C' } });
}

/** Whether the file system can share content. Asked with one file: cp(1) would try all before it says no. */
async function shares(folder: string): Promise<boolean> {
  const probe = await mkdtemp(join(folder, '.sharing-'));
  try {
    await writeFile(join(probe, 'a'), 'x');
    await copyFile(join(probe, 'a'), join(probe, 'b'), constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  } finally {
    await rm(probe, { recursive: true, force: true });
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
