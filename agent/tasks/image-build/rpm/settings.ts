import type { Release } from '../../../../shared/distro/release.ts';
import { addressOf } from './repositories.ts';
import type { Repository } from './repositories.ts';

/** Where a tree has the folder that dnf or zypper keeps everything in while they run; nothing of it stays. */
export const dnfCache = 'var/cache/dnf';
export const zypperCache = 'var/cache/zypp';

/** Configuration of dnf: nothing of this machine's own, nothing written into the tree but packages. */
export function dnfConfig(repositories: readonly Repository[], home: string): string {
  const main = [
    '[main]',
    `cachedir=/${dnfCache}`,
    `logdir=/${dnfCache}/log`,
    `persistdir=/${dnfCache}/state`,
    'reposdir=/nonexistent',
    'varsdir=/nonexistent',
    'plugins=0',
    // As xCAT: what is in pkgdir and otherpkgdir is what the administrator put there or named.
    'gpgcheck=0',
    'localpkg_gpgcheck=0',
    'install_weak_deps=0',
    'best=1',
    'skip_if_unavailable=0',
    // Metadata is asked for when the build begins, and stays as it is till its end.
    'metadata_expire=-1',
    'keepcache=1',
    'clean_requirements_on_remove=0',
    'installonly_limit=0',
  ];
  return `${[...main, ...repositories.flatMap((repository) => ['', ...dnfRepository(repository, home)])].join('\n')}\n`;
}

function dnfRepository(repository: Repository, home: string): string[] {
  return [
    `[${repository.id}]`,
    `name=${repository.id}`,
    `baseurl=${addressOf(repository, home)}`,
    'enabled=1',
    ...(repository.user === undefined ? [] : [`username=${repository.user}`, `password=${repository.password ?? ''}`]),
  ];
}

/** One `.repo` file of zypper. A password stands beside it, in `credentials`. */
export function zypperRepository(repository: Repository, home: string, credentials: string): string {
  const address = addressOf(repository, home);
  return [
    `[${repository.id}]`,
    `name=${repository.id}`,
    'enabled=1',
    'autorefresh=0',
    `baseurl=${address}${repository.user === undefined ? '' : `?credentials=${credentials}/${repository.id}`}`,
    'type=rpm-md',
    'gpgcheck=0',
    `keeppackages=${repository.place.startsWith('/') ? 0 : 1}`,
    '',
  ].join('\n');
}

export function zypperCredentials(repository: Repository): string {
  return `username=${repository.user ?? ''}\npassword=${repository.password ?? ''}\n`;
}

/** For ZYPP_CONF. */
export function zyppConfig(arch: string): string {
  return [
    '[main]',
    `arch = ${arch}`,
    'solver.onlyRequires = true',
    'rpm.install.excludedocs = no',
    'multiversion = provides:multiversion(kernel)',
    'commit.downloadMode = DownloadInAdvance',
    '',
  ].join('\n');
}

/**
 * ~/.rpmmacros of a build. A Debian machine keeps rpm's database in the home of whoever calls it; and what is mounted
 * while packages are installed belongs to the machine, also where a package (filesystem) claims it.
 */
export function rpmMacros(release: Release, backend: string): string {
  return [
    `%_dbpath ${release.database?.folder ?? '/var/lib/rpm'}`,
    `%_db_backend ${backend}`,
    '%_netsharedpath /proc:/sys:/dev',
    '%_install_langs all',
    '',
  ].join('\n');
}

/** The image's own repositories: those that a node can reach too. Undefined: none. */
export function imageRepositories(repositories: readonly Repository[]): string | undefined {
  const reachable = repositories.filter(
    (repository) => !repository.place.startsWith('/') && repository.user === undefined,
  );
  if (reachable.length === 0) return undefined;
  return reachable
    .map((repository) =>
      [
        `[hostler-${repository.id}]`,
        `name=${repository.id} of the image`,
        `baseurl=${repository.place}`,
        'enabled=1',
        'gpgcheck=0',
        '',
      ].join('\n'),
    )
    .join('\n');
}
