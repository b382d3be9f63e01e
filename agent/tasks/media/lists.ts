import { access, constants, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { decisive, listEndings, listFolders, listNames } from '../../../shared/distro/media-lists.ts';
import type { ListMode } from '../../../shared/distro/media-lists.ts';
import type { ListSearch } from '../../../shared/task/image-lists.ts';
import type { ProfileFiles } from '../../../shared/task/media.ts';
import { agentProgram } from '../image-tree/program.ts';

/** The lists that come with the product lie beside the agent's program. */
export function shareFolder(): string {
  const named = process.env['HOSTLER_SHARE'];
  return named !== undefined && named !== '' ? named : join(dirname(agentProgram()), 'share');
}

/**
 * Lists, templates and scripts for a release on this machine, one row a profile: the administrator's own below
 * `<installdir>/custom` before those of the product.
 */
export async function profileFiles(
  mode: ListMode,
  osvers: string,
  arch: string,
  installdir: string,
  share: string,
): Promise<ProfileFiles[]> {
  const known = await foldersOf(mode, osvers, installdir, share);
  const profiles = new Set([...known.values()].flatMap((names) => [...names].flatMap((name) => profileOf(name, mode))));
  const rows: ProfileFiles[] = [];
  for (const profile of [...profiles].sort()) {
    const row = await rowOf(known, { mode, profile, osvers, osarch: arch });
    const wanted = Object.entries(listEndings[mode]).find(([, ending]) => ending === decisive[mode])?.[0] ?? '';
    if (row[wanted] !== undefined) rows.push(row);
  }
  return rows;
}

/** What there is for one profile, be it without what an osimage of its own would need. */
export async function filesOfProfile(search: ListSearch, installdir: string, share: string): Promise<ProfileFiles> {
  return await rowOf(await foldersOf(search.mode, search.osvers, installdir, share), search);
}

/** Folder to the names in it, in the order in which they count. */
type Folders = ReadonlyMap<string, ReadonlySet<string>>;

async function foldersOf(mode: ListMode, osvers: string, installdir: string, share: string): Promise<Folders> {
  const folders = listFolders(osvers, mode).flatMap((folder) => [
    join(installdir, 'custom', folder),
    join(share, folder),
  ]);
  const known = new Map<string, ReadonlySet<string>>();
  for (const folder of folders) known.set(folder, new Set(await readdir(folder).catch(() => [])));
  return known;
}

async function rowOf(known: Folders, { mode, profile, osvers, osarch }: ListSearch): Promise<ProfileFiles> {
  const row: Record<string, string> = {};
  for (const [attribute, ending] of Object.entries(listEndings[mode])) {
    const file = await firstOf(known, listNames(profile, osvers, osarch, ending), attribute === 'postinstall');
    if (file !== undefined) row[attribute] = file;
  }
  return { ...row, profile };
}

/** `compute.rocky9.pkglist`: compute. */
function profileOf(name: string, mode: ListMode): string[] {
  if (!name.endsWith(`.${decisive[mode]}`) || name.endsWith('.otherpkgs.pkglist')) return [];
  const profile = name.split('.')[0] ?? '';
  return /^[A-Za-z0-9][\w-]{0,63}$/.test(profile) ? [profile] : [];
}

async function firstOf(known: Folders, names: readonly string[], executable: boolean): Promise<string | undefined> {
  for (const [folder, there] of known) {
    for (const name of names) {
      if (!there.has(name)) continue;
      const file = join(folder, name);
      const usable = (await stat(file).catch(() => undefined))?.isFile() === true;
      const runs =
        !executable ||
        (await access(file, constants.X_OK).then(
          () => true,
          () => false,
        ));
      if (usable && runs) return file;
    }
  }
  return undefined;
}
