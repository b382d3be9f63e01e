import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { syncPath } from '../../../shared/files/durable.ts';
import { run } from '../../../shared/process/run.ts';

const roots = { ending: '.tar.zst', mostBytes: 6 * 2 ** 30 };
const debs = { ending: '.deb', mostBytes: 4 * 2 ** 30 };

/**
 * Results of the dear stages, by key: trees as archives, and package files. Entries appear by one rename and never
 * change, so any number of builds may use the folder at the same time, and a crash leaves at most a temporary file.
 */
export class BuildCache {
  readonly #roots: string;
  readonly debs: string;

  constructor(home: string) {
    this.#roots = join(home, 'cache', 'roots');
    this.debs = join(home, 'cache', 'debs');
  }

  async prepare(): Promise<void> {
    for (const folder of [this.#roots, this.debs]) await mkdir(folder, { recursive: true, mode: 0o700 });
  }

  /** Unpacks the tree of that key into `folder`; false when there is none, or a broken one (which is taken away). */
  async take(key: string, folder: string, signal: AbortSignal): Promise<boolean> {
    const file = join(this.#roots, key + roots.ending);
    if ((await stat(file).catch(() => undefined)) === undefined) return false;
    await mkdir(folder, { mode: 0o755 });
    try {
      await run(
        'tar',
        [
          '--extract',
          '--file',
          file,
          '--directory',
          folder,
          '--zstd',
          '--numeric-owner',
          '--preserve-permissions',
          '--xattrs',
          '--xattrs-include=*',
          '--acls',
          '--same-owner',
          '--delay-directory-restore',
        ],
        { signal },
      );
    } catch (error) {
      signal.throwIfAborted();
      await rm(folder, { recursive: true, force: true });
      await rm(file, { force: true });
      if (/No space left/.test(String(error))) throw error;
      return false;
    }
    const now = new Date();
    await utimes(file, now, now).catch(() => {}); // another build may have cleared it away meanwhile
    return true;
  }

  async keep(key: string, folder: string, signal: AbortSignal): Promise<void> {
    const temporary = join(this.#roots, `${key}.${randomBytes(6).toString('hex')}.tmp`);
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await run(
        'tar',
        [
          '--create',
          '--directory',
          folder,
          '--numeric-owner',
          '--xattrs',
          '--xattrs-include=*',
          '--acls',
          '--one-file-system',
          '--use-compress-program',
          'zstd -q -1 -T0',
          '.',
        ],
        { signal, stdoutTo: handle.fd },
      );
      await handle.sync();
      await rename(temporary, join(this.#roots, key + roots.ending));
      await syncPath(this.#roots);
    } finally {
      await handle.close();
      await rm(temporary, { force: true });
    }
  }

  /** Takes away what was not used for longest until the limits hold, and what crashes left. */
  async trim(): Promise<void> {
    await trimFolder(this.#roots, roots.ending, roots.mostBytes);
    await trimFolder(this.debs, debs.ending, debs.mostBytes);
  }
}

/** A temporary file that nobody wrote to for that long belongs to nobody. */
const staleMs = 3_600_000;

export async function trimFolder(folder: string, ending: string, mostBytes: number): Promise<void> {
  const found: { file: string; bytes: number; used: number }[] = [];
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const info = await stat(file).catch(() => undefined);
    if (info === undefined) continue;
    if (name.endsWith(ending)) found.push({ file, bytes: info.size, used: info.mtimeMs });
    else if (info.mtimeMs < Date.now() - staleMs) await rm(file, { force: true });
  }
  let total = 0;
  for (const { file, bytes } of found.sort((a, b) => b.used - a.used)) {
    total += bytes;
    if (total > mostBytes) await rm(file, { force: true });
  }
}
