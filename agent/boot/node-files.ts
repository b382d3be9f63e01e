import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import type { NodeFile, NodeFiles } from '../../shared/task/node-files.ts';
import { bootIdOf } from '../facts/system.ts';
import { say } from '../log.ts';
import { readIncarnation } from '../spool/incarnation.ts';
import { enrolBooted, type BootOptions } from './boot.ts';
import { fetchNodeFiles } from './boot-server.ts';
import { parseKernelWords } from './kernel-words.ts';
import { persist } from './retry.ts';

/**
 * Brings a booted node what must not lie in its image (password hashes, files that not everybody may read), before its
 * services start: enrols, fetches by the new certificate, puts everything below `root` in place. Tries until it works.
 */
export async function bringNodeFiles(options: BootOptions, root: string): Promise<void> {
  const { home, commandLine, signal } = options;
  const words = parseKernelWords(commandLine);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const enrolled = await enrolBooted(options, await readIncarnation(home, bootIdOf()));
  try {
    const text = await persist(() => fetchNodeFiles(words, enrolled.identity(), signal), say, signal);
    if (text === undefined) return;
    const files = parseNodeFiles(text);
    await applyNodeFiles(files, root);
    const accounts = Object.values(files.hashes).reduce((sum, file) => sum + Object.keys(file).length, 0);
    say(`brought ${files.files.length} files and ${accounts} password hashes`);
  } finally {
    await enrolled.stop();
  }
}

/** Throws `data_loss` for what no boot server of ours sends. */
export function parseNodeFiles(text: string): NodeFiles {
  try {
    const { format, files, hashes } = JSON.parse(text) as Partial<NodeFiles>;
    if (format === 1 && Array.isArray(files) && files.every(isNodeFile) && isHashes(hashes)) {
      return { format, files, hashes };
    }
  } catch {
    // said below
  }
  throw new HostlerError('data_loss', 'The boot server sent something else than the files of this image.');
}

function isNodeFile(value: unknown): value is NodeFile {
  if (typeof value !== 'object' || value === null) return false;
  const { path, how, mode, uid, gid, time, base64 } = value as Partial<Record<keyof NodeFile, unknown>>;
  const numbers = [mode, uid, gid, time].every((one) => Number.isSafeInteger(one));
  const plain = typeof path === 'string' && path.startsWith('/') && posix.normalize(path) === path;
  return plain && numbers && (how === 'replace' || how === 'append') && typeof base64 === 'string';
}

function isHashes(value: unknown): value is NodeFiles['hashes'] {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(
    ([path, accounts]) =>
      /^\/etc\/[a-z]+$/.test(path) &&
      typeof accounts === 'object' &&
      accounts !== null &&
      Object.values(accounts as object).every((hash) => typeof hash === 'string' && !/[:\n]/.test(hash)),
  );
}

export async function applyNodeFiles({ files, hashes }: NodeFiles, root: string): Promise<void> {
  for (const { path, how, mode, uid, gid, time, base64 } of files) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
    const own = Buffer.from(base64, 'base64');
    const before = how === 'append' ? await readFile(file).catch(() => Buffer.alloc(0)) : Buffer.alloc(0);
    await replace(file, Buffer.concat([before, own]), { mode, uid, gid, time });
  }
  for (const [path, accounts] of Object.entries(hashes)) {
    const file = join(root, path);
    const info = await lstat(file).catch(() => undefined);
    if (info?.isFile() !== true) continue;
    const known = new Map(Object.entries(accounts));
    const text = (await readFile(file, 'utf8')).replace(
      /^([^:\n]*):([^:\n]*)/gm,
      (line, name: string) => `${name}:${known.get(name) ?? line.slice(name.length + 1)}`,
    );
    const { mode, uid, gid, mtimeMs } = info;
    await replace(file, text, { mode: mode & 0o7777, uid, gid, time: mtimeMs / 1000 });
  }
}

interface Look {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly time: number;
}

/** Nobody sees it half-written, or with other rights than it is to have. */
async function replace(file: string, content: string | Buffer, { mode, uid, gid, time }: Look): Promise<void> {
  const beside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(beside, content, { mode: 0o600, flag: 'wx' });
    await chown(beside, uid, gid);
    await chmod(beside, mode);
    await utimes(beside, time, time);
    await rename(beside, file);
  } finally {
    await rm(beside, { force: true });
  }
}
