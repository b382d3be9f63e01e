import { mkdir, mkdtemp, open, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Release } from '../../../../shared/distro/release.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';
import { confined } from '../../image-tree/confined.ts';
import { existsInside, inside } from '../../image-tree/inside.ts';
import { rpmDatabase, withDatabaseCopy } from '../../image-tree/rpm-packages.ts';
import { sortedHeaders } from './headers.ts';

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
export async function sortDatabase(root: string, backend: string): Promise<void> {
  const database = await rpmDatabase(root);
  if (database === undefined) return;
  await withDatabaseCopy(database, async (copy, scratch) => {
    const headers = sortedHeaders(await exported(copy, join(scratch, 'headers')));
    const fresh = join(scratch, 'fresh');
    await mkdir(fresh);
    await imported(fresh, headers, backend);
    await replaceDatabase(database.folder, fresh);
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
  const database = await rpmDatabase(root);
  if (own === backend || database === undefined) return;
  if ((await existsInside(root, 'usr/bin/rpmdb')) === undefined) return;
  await withDatabaseCopy(database, async (copy, scratch) => {
    const headers = await exported(copy, join(scratch, 'headers'));
    await emptyDatabase(database.folder);
    const { program, args } = confined('chroot', convertArguments(await inside(root, '.'), release));
    await run(program, args, { input: headers, signal });
  });
}

/** For chroot. */
export function convertArguments(root: string, release: Release): string[] {
  return [root, '/usr/bin/rpmdb', '--dbpath', release.database?.folder ?? '/var/lib/rpm', '--importdb'];
}
