import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { run } from '../../../shared/process/run.ts';
import type { Entry } from './entries.ts';

export type Stack = ReadonlyMap<string, { readonly entry: Entry; readonly layer: string }>;

export interface Assembly {
  readonly stack: Stack;
  /** Folder of a layer of the stack. */
  readonly folderOf: (layer: string) => string;
  /** Made if it is not there. */
  readonly target: string;
  /** For what comes and goes. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/**
 * Puts entries of layers into a folder, as they are in the layers: owners, times, attributes, hard links. `paths`: only
 * those (folders without what they hold); without, everything.
 */
export async function assemble(assembly: Assembly, paths?: readonly string[]): Promise<void> {
  const { stack, folderOf, target, scratch, signal } = assembly;
  await mkdir(target, { recursive: true, mode: 0o755 });
  const byLayer = new Map<string, string[]>();
  for (const path of paths ?? stack.keys()) {
    const layer = stack.get(path)?.layer;
    if (layer === undefined) continue;
    const list = byLayer.get(layer) ?? [];
    list.push(path);
    byLayer.set(layer, list);
  }
  for (const [layer, list] of byLayer) await copyPaths(folderOf(layer), target, list, scratch, signal);
  if (byLayer.size < 2) return;
  // Folders once more: what a later layer put into them changed their times.
  for (const [layer, list] of byLayer) {
    const folders = list.filter((path) => stack.get(path)?.entry.kind === 'd');
    if (folders.length > 0) await copyPaths(folderOf(layer), target, folders, scratch, signal);
  }
}

const keeping = [
  '--numeric-owner',
  '--xattrs',
  '--xattrs-include=*',
  '--xattrs-exclude=trusted.overlay.*',
  '--acls',
] as const;

/** From one tree into another, each path alone, by two tars and a pipe between them. */
export async function copyPaths(
  from: string,
  to: string,
  paths: readonly string[],
  scratch: string,
  signal: AbortSignal,
): Promise<void> {
  const list = join(scratch, `paths-${randomBytes(6).toString('hex')}`);
  const pipe = `${list}.pipe`;
  const either = new AbortController();
  const end = (): void => either.abort(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  const one = async (args: readonly string[]): Promise<void> => {
    try {
      await run('tar', args, { signal: either.signal, env: { LC_ALL: 'C', TAR_OPTIONS: undefined } });
    } catch (error) {
      // The other one waits at the pipe.
      either.abort(HostlerError.from(error));
      throw error;
    }
  };
  try {
    await writeFile(list, paths.map((path) => `${path}\0`).join(''), { mode: 0o600 });
    await run('mkfifo', ['-m', '600', pipe], { signal });
    const words = ['--null', '--verbatim-files-from', '--no-recursion', `--files-from=${list}`];
    const ended = await Promise.allSettled([
      one(['--create', `--file=${pipe}`, `--directory=${from}`, '--format=posix', '--sort=none', ...keeping, ...words]),
      one([
        ...['--extract', `--file=${pipe}`, `--directory=${to}`, '--same-owner', '--preserve-permissions'],
        ...['--delay-directory-restore', '--ignore-zeros', ...keeping],
      ]),
    ]);
    signal.throwIfAborted();
    const failures = ended.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    if (failures.length > 0) throw telling(failures);
  } finally {
    signal.removeEventListener('abort', end);
    await rm(pipe, { force: true });
    await rm(list, { force: true });
  }
}

/** Of two failures, one of which followed from the other, the one that says more. */
function telling(failures: readonly unknown[]): unknown {
  return failures.find((error) => /No space left|Disk quota/.test(String(error))) ?? failures[0];
}
