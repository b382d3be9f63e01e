import { createHash } from 'node:crypto';
import { copyFile, link, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../../../../shared/process/run.ts';
import { buildEnvironment } from '../../image-tree/environment.ts';
import { withLock } from '../../image-tree/lock.ts';
import type { TaskContext } from '../../types.ts';
import type { PackageFamily, PackageWorld, Wanted } from '../family.ts';
import type { Build } from '../spec.ts';
import { requireArchitecture } from './architectures.ts';
import { writtenBackend } from './database.ts';
import type { Installer, Session } from './installer.ts';
import { madeFor, repositoriesOf } from './repositories.ts';
import type { Repositories } from './repositories.ts';
import { rpmMacros } from './settings.ts';
import { foldersOf, plainNames, wantedRpms } from './wanted.ts';
import { RpmWorld } from './world.ts';

/** The family of one program. What dnf and zypper have in common is nearly everything. */
export function rpmFamily(installer: Installer): PackageFamily {
  return {
    tools: () => installer.tools,
    check: async (build) => {
      const { packages } = await repositoriesOf(build, undefined);
      await requireArchitecture(build, packages);
    },
    wanted: wantedRpms,
    open: (build, wanted, context) => open(installer, build, wanted, context),
  };
}

async function open(installer: Installer, build: Build, wanted: Wanted, context: TaskContext): Promise<PackageWorld> {
  const repositories = await repositoriesOf(build, foldersOf(wanted.otherpkgs));
  const folder = join(context.dir, 'rpm');
  const home = join(folder, 'home');
  await rm(folder, { recursive: true, force: true });
  await mkdir(home, { recursive: true, mode: 0o700 });
  const backend = await writtenBackend(build.release, context.signal);
  await writeFile(join(home, '.rpmmacros'), rpmMacros(build.release, backend));
  const shared = await sharedFolder(installer, build, repositories, context.home);
  const session: Session = {
    build,
    repositories,
    folder,
    context,
    wanted: { packages: plainNames(wanted.packages), otherpkgs: plainNames(wanted.otherpkgs) },
    config: join(folder, installer.configName),
    cache: shared,
    env: buildEnvironment({ HOME: home, ...installer.environment(folder) }),
  };
  const snapshot = join(folder, 'cache');
  const { reckoned, state } = await withLock(`${shared}.lock`, 'wait', context.signal, async () => {
    await makeMetadata(repositories, context);
    await installer.writeConfig(session);
    const found = await installer.reckon(session);
    await snapshotOf(shared, snapshot);
    return { reckoned: found, state: await stateOf(shared) };
  });
  return new RpmWorld({
    installer,
    session,
    reckoned,
    state,
    snapshot,
    backend,
    versions: await versions(installer, context),
  });
}

/** One folder of metadata for each set of repositories. */
async function sharedFolder(
  installer: Installer,
  build: Build,
  repositories: Repositories,
  home: string,
): Promise<string> {
  const places = [...repositories.packages, ...repositories.otherpkgs].map(({ id, place, user }) => [
    id,
    place,
    user ?? '',
  ]);
  const key = createHash('sha256').update(JSON.stringify(places)).digest('hex').slice(0, 16);
  const folder = join(home, 'cache', 'rpm', `${installer.program}-${build.release.osvers}-${build.arch}-${key}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** For folders of packages without metadata: made beside them, since they may belong to somebody else. */
async function makeMetadata(repositories: Repositories, context: TaskContext): Promise<void> {
  for (const repository of [...repositories.packages, ...repositories.otherpkgs]) {
    if (!repository.bare) continue;
    const out = madeFor(repository, context.home);
    await mkdir(out, { recursive: true, mode: 0o755 });
    // By way of a link, since zypper looks for packages below the metadata's own folder.
    await rm(join(out, linkName), { force: true });
    await symlink(repository.place, join(out, linkName));
    await run('createrepo_c', metadataArguments(repository.place, out), { signal: context.signal });
  }
}

const linkName = 'folder';

/** Equal packages give equal metadata: no time of day in it. */
export function metadataArguments(folder: string, out: string): string[] {
  return [
    '--quiet',
    '--update',
    '--no-database',
    '--revision=0',
    '--set-timestamp-to-revision',
    `--location-prefix=${linkName}`,
    `--outputdir=${out}`,
    folder,
  ];
}

/** Digest over what the repositories call themselves: their repomd.xml. */
async function stateOf(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const path of (await filesBelow(folder, '')).sort()) {
    if (path.endsWith('/repomd.xml'))
      hash
        .update(path)
        .update('\0')
        .update(await readFile(join(folder, path)));
  }
  return hash.digest('hex');
}

/**
 * A copy by hard links: the programs replace their files and never write into them. Downloads stay where they are, so
 * that the next build has them too.
 */
async function snapshotOf(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const path of await filesBelow(from, '')) {
    if (path === 'expired_repos.json' || path.startsWith('log/') || path.startsWith('state/')) continue;
    await mkdir(dirname(join(to, path)), { recursive: true });
    await linkOrCopy(join(from, path), join(to, path));
  }
  // dnf keeps packages with each repository's metadata, zypper all together.
  for (const name of [...(await readdir(to)), '']) {
    const place = name === '' ? join(from, 'packages') : join(from, name, 'packages');
    if (name !== '' && !/-[0-9a-f]{16}$/.test(name)) continue;
    await mkdir(place, { recursive: true });
    await rm(join(to, name, 'packages'), { recursive: true, force: true });
    await symlink(place, join(to, name, 'packages'));
  }
}

const mostFiles = 10_000;

/** Paths of files, downloads left out. */
async function filesBelow(folder: string, path: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(folder, path), { withFileTypes: true })) {
    const inner = path === '' ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory() && entry.name !== 'packages') found.push(...(await filesBelow(folder, inner)));
    else if (entry.isFile()) found.push(inner);
    if (found.length > mostFiles) break;
  }
  return found;
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to));
}

async function versions(installer: Installer, context: TaskContext): Promise<string[]> {
  const calls = [
    [installer.executable(), '--version'],
    ['rpm', '--version'],
  ] as const;
  return Promise.all(
    calls.map(
      async ([program, option]) =>
        (await run(program, [option], { signal: context.signal })).stdout.split('\n')[0] ?? '',
    ),
  );
}
