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
  const share = shareFolder();
  const rows = await profileFiles('netboot', build.osvers, build.arch, context.installDir, share);
  const row = rows.find((one) => one.profile === build.profile);
  const file = row?.['pkglist'];
  if (row === undefined || file === undefined) {
    const places = listFolders(build.osvers, 'netboot').flatMap((folder) => [
      join(context.installDir, 'custom', folder),
      join(share, folder),
    ]);
    throw new HostlerError(
      'not_found',
      `There is no package list of the profile ${build.profile} for ${build.osvers}: no ${build.profile}.pkglist in ${places.join(' and ')}.`,
    );
  }
  const found = Object.fromEntries(Object.entries(row).filter(([attribute]) => attribute !== 'profile'));
  const one = (name: string): string[] => (found[name] === undefined ? [] : [found[name]]);
  return {
    build: { ...build, pkglist: [file], otherpkglist: one('otherpkglist'), postinstall: one('postinstall') },
    found,
  };
}
