import { join } from 'node:path';
import { listFolders } from '../../../shared/distro/media-lists.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { profileFiles, shareFolder } from '../media/lists.ts';
import type { TaskContext } from '../types.ts';
import type { Build } from './spec.ts';

export interface Searched {
  readonly build: Build;
  /** What was found, by attribute of the osimage; undefined: nothing was looked for. */
  readonly found: Readonly<Record<string, string>> | undefined;
}

/**
 * genimage -o -a -p: the lists of a profile, the administrator's own below `<installdir>/custom/netboot` before those that
 * come with the product. Throws `not_found` where the profile has no package list.
 */
export async function searchLists(build: Build, context: TaskContext): Promise<Searched> {
  if (!build.search) return { build, found: undefined };
  const found = await findLists(build.osvers, build.arch, build.profile, context.installDir);
  const one = (name: string): string[] => (found[name] === undefined ? [] : [found[name]]);
  return {
    build: { ...build, pkglist: one('pkglist'), otherpkglist: one('otherpkglist'), postinstall: one('postinstall') },
    found,
  };
}

/**
 * What there is for a profile, by attribute of the osimage; a pkglist always. Throws `not_found`, with the places where it
 * was looked for.
 */
export async function findLists(
  osvers: string,
  arch: string,
  profile: string,
  installDir: string,
): Promise<Readonly<Record<string, string>>> {
  const share = shareFolder();
  const rows = await profileFiles('netboot', osvers, arch, installDir, share);
  const row = rows.find((one) => one.profile === profile);
  if (row?.['pkglist'] === undefined) {
    const places = listFolders(osvers, 'netboot').flatMap((folder) => [
      join(installDir, 'custom', folder),
      join(share, folder),
    ]);
    throw new HostlerError(
      'not_found',
      `There is no package list of the profile ${profile} for ${osvers}: no ${profile}.pkglist in ${places.join(' and ')}.`,
    );
  }
  return Object.fromEntries(Object.entries(row).filter(([attribute]) => attribute !== 'profile'));
}
