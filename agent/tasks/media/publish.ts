import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { replaceFile, syncPath } from '../../../shared/files/durable.ts';
import { run } from '../../../shared/process/run.ts';
import type { Places } from './copy.ts';
import type { Wanted } from './entries.ts';
import type { MediumEntry } from './medium.ts';

/** What says which packages a repository holds: moved last, so that it never names what is not there yet. */
const index = /(?:^|\/)(?:repomd\.xml(?:\.\w+)?|Release|InRelease|Release\.gpg|Packages(?:\.\w+)?)$/;

/**
 * Lets a whole copy appear. Where there was nothing, by one rename; into a folder that is there (a second disc, the
 * same one again) file by file, each whole, the indexes last.
 */
export async function publish(wanted: Wanted, { staging, target }: Places): Promise<void> {
  // One call for thousands of files instead of one each.
  await run('sync', ['--file-system', '--', staging], { timeoutMs: 3_600_000 });
  await chmod(staging, 0o755);
  const there = await lstat(target).catch(() => undefined);
  if (there === undefined || (there.isDirectory() && (await rmdir(target).then(yes, no)))) {
    await rename(staging, target);
    await syncPath(dirname(target));
    return;
  }
  if (!there.isDirectory()) {
    throw new HostlerError(
      'failed_precondition',
      `${target} is there and is not a folder. Move it away, then try again.`,
    );
  }
  for (const folder of wanted.folders) await realFolder(join(target, folder));
  const moved = [...wanted.files, ...wanted.links];
  for (const late of [false, true]) {
    for (const { path } of moved.filter((entry) => index.test(entry.path) === late)) {
      // What was there already with the right content was not copied.
      if ((await lstat(join(staging, path)).catch(() => undefined)) === undefined) continue;
      await notAFolder(join(target, path));
      await rename(join(staging, path), join(target, path));
    }
  }
  await run('sync', ['--file-system', '--', target], { timeoutMs: 3_600_000 });
  await rm(staging, { recursive: true, force: true });
}

const yes = (): boolean => true;
const no = (): boolean => false;

/** A link in its place could lead anywhere. */
async function realFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o755 }).catch(() => {});
  if ((await lstat(path)).isDirectory()) return;
  throw new HostlerError(
    'failed_precondition',
    `${path} is not a folder, on the medium it is. Move it away, then try again.`,
  );
}

async function notAFolder(path: string): Promise<void> {
  if ((await lstat(path).catch(() => undefined))?.isDirectory() !== true) return;
  throw new HostlerError(
    'failed_precondition',
    `${path} is a folder, on the medium it is none. Move it away, then try again.`,
  );
}

const notes = '.fingerprint';

/** Knows a medium by the names on it, as xCAT does: media that xCAT copied are known too. */
export function fingerprintOf(entries: readonly MediumEntry[]): string {
  const names = ['.', ...entries.map(({ path }) => `./${path}`)].map((name) => Buffer.from(name));
  const hash = createHash('md5');
  for (const name of names.sort((a, b) => a.compare(b))) hash.update(name);
  return hash.digest('hex');
}

export async function isNoted(folder: string, fingerprint: string): Promise<boolean> {
  return (await notesIn(folder)).includes(fingerprint);
}

/** Notes in the folder of a release that the medium was copied there. */
export async function note(folder: string, fingerprint: string): Promise<void> {
  const known = await notesIn(folder);
  if (known.includes(fingerprint)) return;
  await replaceFile(join(folder, notes), [...known, fingerprint].map((one) => `${one},`).join(''), 0o644);
}

async function notesIn(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, notes), 'utf8').catch(() => '');
  return text.split(/[\s,]+/).filter((word) => /^[0-9a-f]{32}$/.test(word));
}
