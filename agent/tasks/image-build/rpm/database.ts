import { copyFile, mkdir, mkdtemp, open, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Release } from '../../../../shared/distro/release.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';
import { confined } from '../../image-tree/confined.ts';
import { existsInside, inside } from '../../image-tree/inside.ts';
import { sortedHeaders } from './headers.ts';

/** `name 1:2.0-3.el9 x86_64`; keys that were imported are no packages. */
export const queryFormat = '%{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE} %{ARCH}\\n';

export function packageLines(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('gpg-pubkey '))
    .sort();
}

/** Of a tree whose database is in the form that this machine's rpm reads. */
export async function installedRpms(root: string, release: Release): Promise<string[]> {
  const folder = await databaseFolder(root, release);
  if (folder === undefined) return [];
  return withCopy(folder, async (copy) => {
    const args = ['--dbpath', copy, '--query', '--all', '--queryformat', queryFormat];
    return packageLines((await run('rpm', args, { keepBytes: 16 << 20 })).stdout);
  });
}

/** The folder of a tree's database, on this machine; undefined where nothing was ever installed. */
async function databaseFolder(root: string, release: Release): Promise<string | undefined> {
  const folder = await existsInside(root, release.database?.folder ?? '/var/lib/rpm');
  if (folder === undefined) return undefined;
  return (await readdir(folder)).some((name) => isDatabase.test(name)) ? folder : undefined;
}

const isDatabase = /^(?:rpmdb\.sqlite(?:-wal)?|Packages(?:\.db)?|Index\.db)$/;

/**
 * On a copy: even a question makes rpm write beside the database; and the tree may be one that only this process can
 * reach, not a program with its path.
 */
async function withCopy<T>(folder: string, work: (copy: string, scratch: string) => Promise<T>): Promise<T> {
  const scratch = await mkdtemp(join(tmpdir(), 'hostler-rpmdb-'));
  try {
    const copy = join(scratch, 'copy');
    await mkdir(copy);
    for (const name of await readdir(folder)) {
      if (isDatabase.test(name)) await copyFile(join(folder, name), join(copy, name));
    }
    return await work(copy, scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The form in which this machine's rpm can write: the release's own if possible, else its usual one. */
export async function writtenBackend(release: Release, signal: AbortSignal): Promise<string> {
  const wanted = release.database?.backend ?? 'sqlite';
  const folder = await mkdtemp(join(tmpdir(), 'hostler-rpmdb-'));
  try {
    for (const backend of [wanted, 'sqlite', 'ndb', 'bdb']) {
      await run('rpmdb', ['--define', `_db_backend ${backend}`, '--dbpath', folder, '--initdb'], {
        signal,
        allowExit: 'any',
      });
      if ((await readdir(folder)).some((name) => !name.startsWith('.'))) return backend;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  throw new HostlerError('failed_precondition', 'The rpm of this machine cannot write any database of packages.');
}

/** Sorts the database, and drops what rpm keeps beside it while it runs. */
export async function sortDatabase(root: string, release: Release, backend: string): Promise<void> {
  const folder = await databaseFolder(root, release);
  if (folder === undefined) return;
  await withCopy(folder, async (copy, scratch) => {
    const headers = sortedHeaders(await exported(copy, join(scratch, 'headers')));
    const fresh = join(scratch, 'fresh');
    await mkdir(fresh);
    await imported(fresh, headers, backend);
    await replaceDatabase(folder, fresh);
  });
}

async function exported(folder: string, file: string): Promise<Buffer> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await run('rpmdb', ['--dbpath', folder, '--exportdb'], { stdoutTo: handle.fd });
  } finally {
    await handle.close();
  }
  return readFile(file);
}

async function imported(folder: string, headers: Buffer, backend: string): Promise<void> {
  await run('rpmdb', ['--define', `_db_backend ${backend}`, '--dbpath', folder, '--importdb'], { input: headers });
}

/** Files of a database, not its lock: that one belongs to the package rpm in some releases. */
async function replaceDatabase(folder: string, fresh: string): Promise<void> {
  await emptyDatabase(folder);
  for (const name of await readdir(fresh)) {
    if (name.startsWith('.') || /-(?:wal|shm)$/.test(name)) continue;
    const to = await open(join(folder, name), 'wx', 0o644);
    try {
      await to.writeFile(await readFile(join(fresh, name)));
    } finally {
      await to.close();
    }
  }
}

/** What the sources of rpm call its files, in all its forms. */
async function emptyDatabase(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (/^(?:rpmdb\.sqlite.*|Packages.*|Index\.db|\.rpm\.lock|\.dbenv\.lock|__db.*|[A-Z]\w+)$/.test(name))
      await rm(join(folder, name), { force: true });
  }
}

/**
 * Into the form that the image's own rpm reads, by that rpm itself: where this machine writes another. Without an rpm
 * in the image there is nobody to read it.
 */
export async function convertDatabase(
  root: string,
  release: Release,
  backend: string,
  signal: AbortSignal,
): Promise<void> {
  const own = release.database?.backend ?? backend;
  const folder = await databaseFolder(root, release);
  if (own === backend || folder === undefined) return;
  if ((await existsInside(root, 'usr/bin/rpmdb')) === undefined) return;
  await withCopy(folder, async (copy, scratch) => {
    const headers = await exported(copy, join(scratch, 'headers'));
    await emptyDatabase(folder);
    const { program, args } = confined('chroot', convertArguments(await inside(root, '.'), release));
    await run(program, args, { input: headers, signal });
  });
}

/** For chroot. */
export function convertArguments(root: string, release: Release): string[] {
  return [root, '/usr/bin/rpmdb', '--dbpath', release.database?.folder ?? '/var/lib/rpm', '--importdb'];
}
