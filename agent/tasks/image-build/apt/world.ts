import { createHash } from 'node:crypto';
import { copyFile, link, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withLock } from '../../image-tree/lock.ts';
import type { TaskContext } from '../../types.ts';
import type { Pass } from '../pkglist.ts';
import type { Build } from '../spec.ts';
import { machineApt } from './machine.ts';
import { requireSources, resolvePackages } from './resolve.ts';
import type { Resolved } from './resolve.ts';
import { formatSources, sourcesFor, sourcesOfPkgdir, withoutCredentials } from './sources.ts';
import type { Source } from './sources.ts';

export interface AptWorld {
  readonly resolved: Resolved;
  readonly sources: readonly Source[];
  /** As they will stand in the image: no credentials, no folder of this machine. */
  readonly imageSources: string;
  /** Folder with lists, sources and settings that nobody else changes while the build runs. */
  readonly snapshot: string;
}

/** Which packages, from where, in which versions. The lists are kept in the agent's cache and fetched only when they changed. */
export async function aptWorld(build: Build, passes: readonly Pass[], context: TaskContext): Promise<AptWorld> {
  const machine = await machineApt(context.signal);
  const { codename } = build.release;
  const given =
    build.pkgdir.length > 0
      ? sourcesOfPkgdir(build.pkgdir, codename)
      : sourcesFor(codename, machine.codename, machine.sources);
  const { sources, netrc } = withoutCredentials(given);
  requireSources(sources, codename, machine.files);
  const architecture = build.architecture.debian;
  const key = createHash('sha256')
    .update(JSON.stringify([architecture, sources]))
    .digest('hex')
    .slice(0, 16);
  const folder = join(context.home, 'cache', 'apt', `${codename}-${architecture}-${key}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const snapshot = join(context.dir, 'apt');
  const world = {
    folder,
    architecture,
    sources,
    acquire: machine.acquire,
    netrc: [machine.netrc, ...netrc].filter((t) => t !== '').join('\n'),
    signal: context.signal,
  };
  const resolved = await withLock(`${folder}.lock`, 'wait', context.signal, async () => {
    const found = await resolvePackages(world, passes);
    await copySmall(folder, snapshot);
    return found;
  });
  const imageSources = formatSources(sources.filter((source) => source.uris.every((uri) => !uri.startsWith('copy:'))));
  return { resolved, sources, imageSources, snapshot };
}

/** Hard links suffice: apt replaces its lists, it never writes into them. */
async function copySmall(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for (const name of ['acquire.conf', 'auth.conf', 'sources.list.d/build.sources'])
    await linkOrCopy(join(from, name), join(to, name));
  for (const entry of await readdir(join(from, 'lists'), { withFileTypes: true })) {
    if (entry.isFile() && entry.name !== 'lock')
      await linkOrCopy(join(from, 'lists', entry.name), join(to, 'lists', entry.name));
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return; // auth.conf need not be there
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw error;
    await copyFile(from, to);
  }
}
