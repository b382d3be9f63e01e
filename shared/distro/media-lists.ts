import { shareFamily } from './release.ts';

/** Ending of the file, by the attribute of an osimage that names it. */
export const listEndings = {
  install: { template: 'tmpl', pkglist: 'pkglist', otherpkglist: 'otherpkgs.pkglist', synclists: 'synclist' },
  netboot: {
    pkglist: 'pkglist',
    otherpkglist: 'otherpkgs.pkglist',
    exlist: 'exlist',
    postinstall: 'postinstall',
    synclists: 'synclist',
  },
} as const;

export type ListMode = keyof typeof listEndings;

/** What a profile must have to get an osimage of its own. */
export const decisive: Readonly<Record<ListMode, string>> = { install: 'tmpl', netboot: 'pkglist' };

/** Folders below /install/custom and below the share folder, the first that has a file counts. */
export function listFolders(osvers: string, mode: ListMode): string[] {
  return [`${mode}/${shareFamily(osvers)}`];
}

/**
 * File names for a profile, the most particular first (facts: file search order):
 * `P.os.arch.X`, `P.os.X`, then of the general name, of each shorter version, of none, `P.arch.X`, `P.X`.
 */
export function listNames(profile: string, osvers: string, arch: string, ending: string): string[] {
  const systems = [osvers, generalName(osvers), ...shorterNames(osvers)];
  const particular = [...new Set(systems)].flatMap((system) => [
    `${profile}.${system}.${arch}.${ending}`,
    `${profile}.${system}.${ending}`,
  ]);
  return [...particular, `${profile}.${arch}.${ending}`, `${profile}.${ending}`];
}

/** rhels8.2.0: rhel8. */
function generalName(osvers: string): string {
  const plain = osvers.replace(/\..*/, '');
  const red = /^rh.*s(\d*)$/.exec(plain);
  return red === null ? plain : `rhel${red[1] ?? ''}`;
}

/** 7.6: 7.5 ... 7.0, 7, 6 ... 0, none. */
function shorterNames(osvers: string): string[] {
  const match = /^(\D+)(\d*)(?:\.(\d+))?/.exec(osvers);
  const [, word = osvers, major = '', minor = ''] = match ?? [];
  const down = (from: string): number[] => {
    const most = Math.min(Number(from), 99);
    return from === '' ? [] : Array.from({ length: most + 1 }, (_, step) => most - step);
  };
  return [...down(minor).map((number) => `${word}${major}.${number}`), ...down(major).map((n) => `${word}${n}`), word];
}
