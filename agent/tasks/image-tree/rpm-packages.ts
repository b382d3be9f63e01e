import { copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../shared/process/run.ts';
import { which } from '../../../shared/process/which.ts';
import { confined } from './confined.ts';
import { existsInside, inside } from './inside.ts';

/** Where trees of RPMs keep their database, newest habit first. */
const folders: readonly string[] = ['usr/lib/sysimage/rpm', 'var/lib/rpm'];

/** What makes a folder a database, by the form it is in. */
const forms: Readonly<Record<string, string>> = { 'rpmdb.sqlite': 'sqlite', 'Packages.db': 'ndb', Packages: 'bdb' };
const databaseFile = /^(?:rpmdb\.sqlite(?:-wal)?|Packages(?:\.db)?|Index\.db|[A-Z]\w+)$/;

export interface RpmDatabase {
  /** On this machine. */
  readonly folder: string;
  /** As the image sees it. */
  readonly path: string;
  readonly form: string;
}

/** Undefined where nothing was ever installed. */
export async function rpmDatabase(root: string): Promise<RpmDatabase | undefined> {
  for (const path of folders) {
    const folder = await existsInside(root, path);
    const names = folder === undefined ? [] : await readdir(folder);
    const name = Object.keys(forms).find((word) => names.includes(word));
    if (folder !== undefined && name !== undefined) return { folder, path: `/${path}`, form: forms[name] ?? '' };
  }
  return undefined;
}

/**
 * On a copy: even a question makes rpm write beside the database; and the tree may be one that only this process can
 * reach, not a program with its path. `scratch`: a folder that is gone afterwards.
 */
export async function withDatabaseCopy<T>(
  database: RpmDatabase,
  work: (copy: string, scratch: string) => Promise<T>,
): Promise<T> {
  const scratch = await mkdtemp(join(tmpdir(), 'hostler-rpmdb-'));
  try {
    const copy = join(scratch, 'copy');
    await mkdir(copy);
    for (const name of await readdir(database.folder)) {
      if (databaseFile.test(name)) await copyFile(join(database.folder, name), join(copy, name));
    }
    return await work(copy, scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** `name 1:2.0-3.el9 x86_64`. */
export const rpmQueryFormat = '%{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE} %{ARCH}\\n';

/** Lines of a query, sorted; keys that were imported are no packages. */
export function rpmLines(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('gpg-pubkey '))
    .sort();
}

/** `name 1:2.0-3.el9 x86_64` of everything in a tree of RPMs; undefined for a tree without their database. */
export async function installedRpms(root: string): Promise<string[] | undefined> {
  const database = await rpmDatabase(root);
  if (database === undefined) return undefined;
  const query = ['--query', '--all', '--queryformat', rpmQueryFormat];
  if (which('rpm') !== undefined) {
    const own = await withDatabaseCopy(database, async (copy) => {
      // The programs of some machines know not every form: they say so, and find no packages.
      const { stdout } = await run(
        'rpm',
        ['--define', `_db_backend ${readable(database)}`, '--dbpath', copy, ...query],
        {
          keepBytes: 16 << 20,
          allowExit: 'any',
        },
      );
      return rpmLines(stdout);
    });
    if (own.length > 0) return own;
  }
  // The image's own rpm knows its own database.
  const { program, args } = confined('chroot', [await inside(root, '.'), '/usr/bin/rpm', ...query]);
  return rpmLines((await run(program, args, { keepBytes: 16 << 20 })).stdout);
}

/** Berkeley databases are only read by today's rpm. */
function readable(database: RpmDatabase): string {
  return database.form === 'bdb' ? 'bdb_ro' : database.form;
}
