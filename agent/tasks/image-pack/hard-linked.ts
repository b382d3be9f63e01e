import { chmodSync, chownSync, lutimesSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../shared/process/run.ts';
import type { ArchiveRequest } from './archive.ts';

/**
 * For a mksquashfs before 4.5, which cannot be given files of another place: what is to be packed, of hard links to the
 * tree's files, with the additions over them.
 */
export async function hardLinked(
  { tree, survey, additions, folder, work }: ArchiveRequest,
  signal: AbortSignal,
): Promise<string> {
  const staging = join(work, 'tree');
  await run('cp', ['--archive', '--link', '--one-file-system', '--', tree, staging], { signal });
  for (const path of survey.dropped) rmSync(join(staging, path), { recursive: true, force: true });
  for (const { path, kind, mode, uid, gid } of additions) {
    const place = join(staging, path);
    if (kind !== 'folder') {
      rmSync(place, { force: true });
      await run('cp', ['--archive', '--no-target-directory', '--', join(folder, path), place], { signal });
      continue;
    }
    mkdirSync(place, { recursive: true });
    chownSync(place, uid, gid);
    chmodSync(place, mode);
  }
  const own = new Set(additions.map(({ path }) => path));
  for (const { path, info } of [...survey.kept].reverse()) {
    if (info.isDirectory() && !own.has(path))
      lutimesSync(join(staging, path), info.mtimeMs / 1000, info.mtimeMs / 1000);
  }
  for (const { path, time } of [...additions].reverse()) lutimesSync(join(staging, path), time, time);
  return staging;
}
