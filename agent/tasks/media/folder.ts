import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { mostEntries } from './medium.ts';
import type { MediumEntry, OpenMedium } from './medium.ts';
import { pieces } from './pieces.ts';

/** A mounted medium, or a folder that holds the same: nothing in it is followed out of it. */
export async function openFolder(top: string, signal: AbortSignal): Promise<OpenMedium> {
  const entries: MediumEntry[] = [];
  const queue = [''];
  for (let folder = queue.shift(); folder !== undefined; folder = queue.shift()) {
    signal.throwIfAborted();
    for (const name of (await readdir(join(top, folder))).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const info = await lstat(join(top, path));
      const kind = info.isDirectory() ? 'folder' : info.isFile() ? 'file' : info.isSymbolicLink() ? 'link' : 'other';
      entries.push({
        path,
        kind: name.includes('\uFFFD') ? 'other' : kind,
        size: kind === 'file' ? info.size : 0,
        executable: (info.mode & 0o111) !== 0,
        link: kind === 'link' ? await readlink(join(top, path)) : '',
      });
      if (entries.length > mostEntries) {
        throw new HostlerError('invalid_argument', `${top} holds more than ${mostEntries} files: that is no medium.`);
      }
      if (kind === 'folder') queue.push(path);
    }
  }
  return { entries, chunks: (entry) => contentOf(top, entry, signal), close: () => Promise.resolve() };
}

async function* contentOf(top: string, entry: MediumEntry, signal: AbortSignal): AsyncGenerator<Buffer> {
  const handle = await open(join(top, entry.path), 'r');
  try {
    yield* pieces(handle, [{ at: 0, bytes: entry.size }], entry.path, signal);
  } finally {
    await handle.close();
  }
}
