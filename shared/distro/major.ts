import { releaseOf } from './release.ts';

/**
 * What a release has in common with those that build it best: family and major release, as `debian12`, `ubuntu22.04`,
 * `enterprise9` (RHEL and its rebuilds), `suse15`. Undefined: a release that is not known.
 */
export function majorOf(osvers: string): string | undefined {
  const release = releaseOf(osvers);
  if (release === undefined) return undefined;
  const version = /[\d.]+$/.exec(release.osvers)?.[0] ?? '';
  // Of Ubuntu every half year is a release of its own.
  return release.family + (release.family === 'ubuntu' ? version : (version.split('.')[0] ?? ''));
}

/** os-release(5) calls some families otherwise than osimages do. */
const words: Readonly<Record<string, string>> = {
  rhel: 'rhels',
  almalinux: 'alma',
  centos: 'centos-stream',
  'opensuse-leap': 'leap',
};

/** The same of a machine, from ID and VERSION_ID of its os-release. */
export function majorOfMachine(os: { readonly id: string; readonly version: string }): string | undefined {
  return majorOf(`${words[os.id] ?? os.id}${os.version}`);
}
