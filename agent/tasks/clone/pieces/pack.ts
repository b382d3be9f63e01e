import { lstat, open, readFile, readdir, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { isOverrideName, isScriptName } from '../../../../shared/clone/pieces.ts';
import type { ClonePiece } from '../../../../shared/clone/pieces.ts';
import { run } from '../../../../shared/process/run.ts';
import { digestOf } from '../../../store/digest.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import type { TaskContext } from '../../types.ts';
import { tarArguments } from '../tar.ts';

/** Folders beside `images`, where an administrator puts what is added to trees; named as SystemImager names them. */
export function pieceFolders(tree: string): { readonly overrides: string; readonly scripts: string } {
  const above = dirname(dirname(tree));
  return { overrides: join(above, 'overrides'), scripts: join(above, 'scripts', 'post-install') };
}

export interface FoundPieces {
  /** Folders with something in them, and files, by name. */
  readonly overrides: readonly string[];
  readonly scripts: readonly string[];
  /** What lies there and is passed by, with the reason. */
  readonly odd: readonly string[];
}

export async function findPieces(tree: string): Promise<FoundPieces> {
  const folders = pieceFolders(tree);
  const odd: string[] = [];
  const overrides: string[] = [];
  for (const name of await namesIn(folders.overrides)) {
    const path = join(folders.overrides, name);
    if (!(await lstat(path)).isDirectory() || !isOverrideName(name)) {
      odd.push(`${path}: an override is a folder whose name holds only letters, digits and . _ + -`);
    } else if ((await readdir(path)).length > 0) overrides.push(name);
  }
  const scripts: string[] = [];
  for (const name of await namesIn(folders.scripts)) {
    const path = join(folders.scripts, name);
    if (name.endsWith('~') || name === 'README') continue;
    if (!(await lstat(path)).isFile() || !isScriptName(name)) {
      odd.push(`${path}: a script is a file called NNclass.name, as 50all.motd or 60compute.mounts`);
    } else scripts.push(name);
  }
  return { overrides, scripts, odd };
}

/**
 * Packs every override and script by itself, one behind the other, into `output`. Returns what lies where; empty: there
 * is nothing, and no file. Names that nobody could use are a line of the log.
 */
export async function packPieces(tree: string, output: string, context: TaskContext): Promise<ClonePiece[]> {
  const folders = pieceFolders(tree);
  const found = await findPieces(tree);
  for (const line of found.odd) context.log(`Warning: passed by: ${line}.`);
  if (found.overrides.length + found.scripts.length === 0) return [];
  context.progress('pack', 'packing overrides and scripts');
  const pieces: ClonePiece[] = [];
  const part = `${output}.part`;
  const all = await open(output, 'wx', 0o600);
  let at = 0;
  const add = async (
    kind: ClonePiece['kind'],
    name: string,
    make: (to: FileHandle) => Promise<void>,
  ): Promise<void> => {
    await rm(part, { force: true });
    const handle = await open(part, 'wx', 0o600);
    try {
      await make(handle);
    } finally {
      await handle.close();
    }
    const { digest, bytes } = await digestOf(part, context.signal);
    for await (const some of createReadStream(part)) await all.appendFile(some as Buffer);
    pieces.push({ kind, name, at, bytes, digest });
    at += bytes;
  };
  try {
    for (const name of found.overrides) {
      await add('override', name, async (to) => {
        await run('tar', [...tarArguments(join(folders.overrides, name)), '.'], {
          signal: context.signal,
          stdoutTo: to.fd,
        });
      });
    }
    for (const name of found.scripts) {
      await add('script', name, async (to) => {
        const file = join(folders.scripts, name);
        if ((await stat(file)).size > 16 << 20)
          throw new HostlerError('invalid_argument', `The script ${file} is larger than 16 MiB.`);
        await run('zstd', ['-q', '-c'], { input: await readFile(file), stdoutTo: to.fd, signal: context.signal });
      });
    }
    await all.sync();
    return pieces;
  } finally {
    await all.close();
    await rm(part, { force: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}
