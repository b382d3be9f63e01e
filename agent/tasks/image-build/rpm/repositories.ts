import { createHash } from 'node:crypto';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';
import type { Build } from '../spec.ts';

/** One repository of RPMs that a build asks. */
export interface Repository {
  /** As in configuration files and messages; the same on every machine. */
  readonly id: string;
  /** Folder on this machine, or http, https or ftp address, without user name and password. */
  readonly place: string;
  readonly user?: string;
  readonly password?: string;
  /** The folder has packages and no metadata: the build makes some, elsewhere. */
  readonly bare: boolean;
}

export interface Repositories {
  /** Out of pkgdir, and kerneldir. */
  readonly packages: readonly Repository[];
  /** Out of otherpkgdir, with the folders that stand before names in the otherpkglist. */
  readonly otherpkgs: readonly Repository[];
}

/** Folders below a medium are looked for repositories this deep: `BaseOS`, `1/Module-Basesystem`. */
const deepest = 2;
const mostRepositories = 64;

/**
 * Throws xCAT's words for a pkgdir, kerneldir or otherpkgdir that cannot be right. `folders`: what stands before names
 * in the otherpkglist (`rsct` of `rsct/src`); undefined: nothing is asked of otherpkgdir.
 */
export async function repositoriesOf(build: Build, folders: readonly string[] | undefined): Promise<Repositories> {
  const packages: Repository[] = [];
  for (const [index, entry] of build.pkgdir.entries()) {
    if (!entry.startsWith('/')) packages.push(remote(entry, `pkgdir-${index + 1}`));
    else packages.push(...(await ofMedium(entry, `pkgdir-${index + 1}`, build)));
  }
  if (packages.length === 0)
    throw nothing(build.pkgdir[0] ?? `a folder or address in pkgdir for ${build.osvers}`, build);
  if (build.kerneldir !== '') {
    if (!(await isFolder(build.kerneldir))) {
      throw new HostlerError('not_found', `The kerneldir specified '${build.kerneldir}' does not exist!`);
    }
    packages.push(await ofFolder(build.kerneldir, 'kerneldir'));
  }
  return { packages, otherpkgs: folders === undefined ? [] : await others(build, folders) };
}

async function others(build: Build, folders: readonly string[]): Promise<Repository[]> {
  const found: Repository[] = build.otherpkgdir
    .filter((entry) => !entry.startsWith('/'))
    .map((entry, index) => remote(entry, `otherpkgdir-${index + 1}`));
  const local = build.otherpkgdir.filter((entry) => entry.startsWith('/'));
  const [folder, second] = local;
  if (second !== undefined) {
    throw new HostlerError('invalid_argument', 'genimage: at most only 1 local dir in otherpkgdir is supported.');
  }
  if (folder === undefined) {
    if (folders.some((name) => name !== '') || found.length === 0) {
      throw new HostlerError(
        'invalid_argument',
        `The otherpkglist of ${build.image} names packages, and otherpkgdir names no folder that has them.`,
      );
    }
    return found;
  }
  for (const [index, name] of [...new Set(folders)].sort().entries()) {
    const place = join(folder, name);
    if (!(await isFolder(place))) {
      // With addresses beside it, names without a folder may all come from there.
      if (name === '' && found.length > 0) continue;
      throw new HostlerError(
        'not_found',
        `The folder ${place}, which the otherpkglist of ${build.image} takes packages from, does not exist.`,
      );
    }
    // The number keeps `a/b` and `a-b` apart.
    found.push(await ofFolder(place, `otherpkgdir-${index}-${name}`));
  }
  return found;
}

/** A folder of the medium itself, or those below it that hold metadata. */
async function ofMedium(folder: string, id: string, build: Build): Promise<Repository[]> {
  if (!(await isFolder(folder))) throw nothing(folder, build);
  const found: Repository[] = [];
  const look = async (place: string, name: string, depth: number): Promise<void> => {
    if (found.length >= mostRepositories) return;
    if (await isFolder(join(place, 'repodata'))) {
      found.push({ id: name, place, bare: false });
      return;
    }
    if (depth === deepest) return;
    for (const entry of (await readdir(place, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const usable = /^[A-Za-z0-9][\w.-]*$/.test(entry.name) && (entry.isDirectory() || entry.isSymbolicLink());
      if (usable && (await isFolder(join(place, entry.name)))) {
        await look(join(place, entry.name), `${name}-${entry.name}`, depth + 1);
      }
    }
  };
  await look(folder, id, 0);
  if (found.length > 0) return found;
  throw new HostlerError(
    'failed_precondition',
    `The repository for ${folder} should be created before running the genimge. Try to run [createrepo ${folder}].`,
  );
}

async function ofFolder(place: string, id: string): Promise<Repository> {
  return { id: id.replace(/[^\w.-]/g, '_'), place, bare: !(await isFolder(join(place, 'repodata'))) };
}

function remote(entry: string, id: string): Repository {
  const [address = ''] = entry.split(/\s+/);
  const url = new URL(address);
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  url.username = '';
  url.password = '';
  const place = url.href.replace(/\/$/, '');
  return { id, place, bare: false, ...(user === '' ? {} : { user, password }) };
}

/** Where metadata is made for a bare folder, below the agent's cache. */
export function madeFor(repository: Repository, home: string): string {
  const name = createHash('sha256').update(repository.place).digest('hex').slice(0, 16);
  return join(home, 'cache', 'rpm', 'made', name);
}

/** For `baseurl=`. */
export function addressOf(repository: Repository, home: string): string {
  if (!repository.place.startsWith('/')) return repository.place;
  const folder = repository.bare ? madeFor(repository, home) : repository.place;
  return `file://${folder.split('/').map(encodeURIComponent).join('/')}`;
}

async function isFolder(path: string): Promise<boolean> {
  // A link to a folder is one: media are often linked into place.
  return (await lstat(join(path, '.')).catch(() => undefined))?.isDirectory() === true;
}

function nothing(folder: string, build: Build): HostlerError {
  return new HostlerError(
    'not_found',
    `Need ${folder.replace(/\/$/, '')}/ available from a system that has ran copycds on ${build.osvers} ${build.arch} or correct web repo`,
  );
}
