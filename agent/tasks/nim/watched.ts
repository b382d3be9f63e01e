import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../../shared/files/durable.ts';
import { HostlerError } from '../../../shared/errors/error.ts';

/** A machine that was set up and is looked at until it is up. Written by the task, read by the agent's watch. */
export interface Watched {
  readonly node: string;
  /** NIM's name for it. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** It says itself when it is up. */
  readonly reports?: boolean;
}

/** After so long nobody waits any more for a machine to be booted. */
const longestMs = 24 * 3_600_000;

const folderOf = (home: string): string => join(home, 'nim-watch');
const fileOf = (home: string, node: string): string => join(folderOf(home), encodeURIComponent(node));

/** One file for each node, so that two who set up different nodes do not meet. */
export async function watchNode(home: string, watched: Watched): Promise<void> {
  await mkdir(folderOf(home), { recursive: true, mode: 0o700 });
  await replaceFile(fileOf(home, watched.node), JSON.stringify(watched));
}

/** `seen`: what was looked at; where somebody set the node up anew meanwhile, the new watch stays. */
export async function unwatchNode(home: string, node: string, seen?: Watched): Promise<void> {
  if (seen !== undefined) {
    const now = await read(fileOf(home, node));
    if (now?.since !== seen.since) return;
  }
  await rm(fileOf(home, node), { force: true });
}

/** Those still to be looked at; what waits too long, or makes no sense, is forgotten. */
export async function watchedNodes(home: string, now: number): Promise<Watched[]> {
  let names: string[];
  try {
    names = await readdir(folderOf(home));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw HostlerError.from(cause);
  }
  const found: Watched[] = [];
  for (const name of names.filter((one) => !one.endsWith('.tmp'))) {
    const watched = await read(join(folderOf(home), name));
    if (watched !== undefined && now - watched.since < longestMs) found.push(watched);
    else await rm(join(folderOf(home), name), { force: true });
  }
  return found;
}

async function read(file: string): Promise<Watched | undefined> {
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as Partial<Watched> | null;
    const { node, name, since, reports } = value ?? {};
    if (typeof node === 'string' && typeof name === 'string' && typeof since === 'number')
      return { node, name, since, ...(reports === true && { reports }) };
  } catch {
    // Half of a file cannot be: it is replaced whole. Gone, or not ours.
  }
  return undefined;
}
