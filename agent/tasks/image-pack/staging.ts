import { lstatSync, lutimesSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { chmod, chown, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { run } from '../../../shared/process/run.ts';
import { existsInside, writeInside } from '../image-tree/inside.ts';
import { newestTime, treeDigest, walk } from '../image-tree/walk.ts';
import type { TreeEntry } from '../image-tree/walk.ts';

export interface StagingRequest {
  readonly tree: string;
  /** A folder on the same file system that does not exist yet. */
  readonly staging: string;
  readonly image: string;
  readonly excluded: (path: string) => boolean;
  readonly signal: AbortSignal;
}

export interface Staged {
  /** Files and folders left out. */
  readonly leftOut: number;
  readonly packed: number;
  /** Seconds since the epoch: of the youngest file. Nothing of today goes into an image, so that equal trees pack equally. */
  readonly newest: number;
  /** Names the content of the tree. */
  readonly uuid: string;
}

/** Must not be in an image: anybody who may fetch it could pose as every node. */
const secretFiles = /^\.\/etc\/ssh\/ssh_host_[^/]*key(?:\.pub)?$/;
const hashFiles = ['etc/shadow', 'etc/shadow-', 'etc/gshadow', 'etc/gshadow-'];

/**
 * What is to be packed, beside the tree and of hard links to its files, so that the tree itself stays as it is: without
 * what the exclude lists name, without host keys and password hashes, with `/opt/xcat/xcatinfo`.
 */
export async function stage(request: StagingRequest): Promise<Staged> {
  const { tree, staging, signal } = request;
  await run('cp', ['--archive', '--link', '--one-file-system', '--', tree, staging], { signal });
  const entries = walk(staging);
  const times = new Map(entries.filter((entry) => entry.info.isDirectory()).map((entry) => [entry.path, entry.info]));
  const newest = newestTime(entries);
  const kept = leaveOut(staging, entries, (path) => secretFiles.test(path) || request.excluded(path));
  if (!kept.some(({ path }) => /^\.(?:\/usr)?\/(?:sbin\/init|lib\/systemd\/systemd)$/.test(path))) {
    throw new HostlerError(
      'failed_precondition',
      'The exclude list leaves no /sbin/init in the image: nothing could be started in it.',
    );
  }
  for (const file of hashFiles) await lockHashes(staging, file);
  const digest = treeDigest(staging, kept);
  const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  const when = new Date(newest * 1000).toUTCString();
  await writeInside(
    staging,
    'opt/xcat/xcatinfo',
    `IMAGENAME='${request.image}'\nIMAGEUUID='${uuid}'\nTIMESTAMP='${when}'\n`,
  );
  for (const path of ['./opt/xcat/xcatinfo', './opt/xcat', './opt'])
    setTime(staging, path, times.get(path)?.mtimeMs ?? newest * 1000);
  for (const [path, info] of times) setTime(staging, path, info.mtimeMs);
  return { leftOut: entries.length - kept.length, packed: kept.length, newest, uuid };
}

/** Deepest first, so that a folder that is left out goes when nothing in it stays. */
function leaveOut(staging: string, entries: readonly TreeEntry[], excluded: (path: string) => boolean): TreeEntry[] {
  const kept: TreeEntry[] = [];
  for (const entry of [...entries].reverse()) {
    const file = join(staging, entry.path);
    if (entry.path === '.' || !excluded(entry.path)) kept.push(entry);
    else if (!entry.info.isDirectory()) unlinkSync(file);
    else if (readdirSync(file).length === 0) rmdirSync(file);
    else kept.push(entry);
  }
  return kept.reverse();
}

/** Passwords come over mutual TLS or not at all; accounts stay, locked. */
async function lockHashes(staging: string, path: string): Promise<void> {
  const file = await existsInside(staging, path);
  if (file === undefined) return;
  const info = await stat(file);
  const text = await readFile(file, 'utf8');
  const locked = text.replace(/^([^:\n]*):([^:\n]*)/gm, (line, name: string, hash: string) =>
    /^[!*x]*$/.test(hash) ? line : `${name}:*`,
  );
  if (locked === text) return;
  const folderTime = lstatSync(dirname(file)).mtimeMs;
  await writeInside(staging, path, locked, info.mode & 0o7777);
  await chmod(file, info.mode & 0o7777);
  await chown(file, info.uid, info.gid);
  lutimesSync(file, info.mtimeMs / 1000, info.mtimeMs / 1000);
  lutimesSync(dirname(file), folderTime / 1000, folderTime / 1000);
}

function setTime(staging: string, path: string, ms: number): void {
  const file = join(staging, path);
  if (lstatSync(file, { throwIfNoEntry: false }) !== undefined) lutimesSync(file, ms / 1000, ms / 1000);
}
