import { attribute, changeFor, commaList } from '../../../shared/objects/index.ts';
import type { MediaCopied, MediaFound, ProfileFiles } from '../../../shared/task/media.ts';
import type { Change } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';

/** The osdistro of a copied medium, named `<osvers>-<arch>`; a folder that it did not have is added to those it has. */
export function osdistroChange(known: View, found: MediaFound): Change {
  const name = osdistroName(found);
  const [, basename = '', majorversion = '', minorversion = ''] = /^(\D+)(\d*)\.*(\d*)/.exec(found.osvers) ?? [];
  const paths = commaList(attribute(known, 'osdistro', name, 'dirpaths')?.value ?? '');
  return changeFor(known, 'osdistro', name, {
    basename,
    majorversion,
    ...(minorversion !== '' && { minorversion }),
    arch: found.arch,
    type: 'Linux',
    dirpaths: [...new Set([...paths, found.path])].join(','),
  });
}

export function osdistroName({ osvers, arch }: MediaFound): string {
  return `${osvers}-${arch}`;
}

/**
 * `<osvers>-<arch>-{install,netboot,statelite}-<profile>`, with the attributes that xCAT writes: an install image for
 * every profile that has a template or a package list, the others where the list is one of diskless images.
 */
export function osimageChanges(known: View, found: MediaFound, copied: MediaCopied, installdir: string): Change[] {
  const installs = new Map(copied.netboot.map((row) => [row.profile, installRow(row)]));
  for (const row of copied.install) installs.set(row.profile, { ...row });
  const one = (method: string, row: ProfileFiles, more: Readonly<Record<string, string>>): Change => {
    const { profile, ...files } = row;
    const name = `${osdistroName(found)}-${method}-${profile}`;
    return changeFor(known, 'osimage', name, {
      imagetype: 'linux',
      provmethod: method,
      profile,
      osname: 'Linux',
      osvers: found.osvers,
      osarch: found.arch,
      osdistroname: osdistroName(found),
      ...files,
      pkgdir: pkgdir(known, name, found),
      otherpkgdir: `${installdir}/post/otherpkgs/${found.osvers}/${found.arch}`,
      ...more,
    });
  };
  return [
    ...[...installs.values()].map((row) =>
      one('install', row, row.profile === 'service' ? { postscripts: 'servicenode' } : {}),
    ),
    ...copied.netboot.flatMap((row) => {
      const rootimgdir = `${installdir}/netboot/${found.osvers}/${found.arch}/${row.profile}`;
      return ['netboot', 'statelite'].map((method) => one(method, row, { rootimgdir }));
    }),
  ];
}

/** What a list of diskless images says of an installed system: its packages. */
export function installRow({ profile, pkglist, otherpkglist, synclists }: ProfileFiles): ProfileFiles {
  return {
    profile,
    ...(pkglist !== undefined && { pkglist }),
    ...(otherpkglist !== undefined && { otherpkglist }),
    ...(synclists !== undefined && { synclists }),
  };
}

/** The folder of the release comes first; what an administrator added stays. */
function pkgdir(known: View, image: string, found: MediaFound): string {
  const before = commaList(attribute(known, 'osimage', image, 'pkgdir')?.value ?? '');
  const all = [...new Set([...before, found.pkgdir])];
  const base = all.filter((folder) => folder === found.path);
  return [...base, ...all.filter((folder) => folder !== found.path)].join(',');
}
