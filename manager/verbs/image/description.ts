import { releaseOf } from '../../../shared/distro/release.ts';
import { attributesOf, objectExists } from '../../../shared/objects/index.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Effect } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';

/** The attributes of an osimage that the image verbs read; empty where unset. */
export interface Description {
  readonly name: string;
  value(attribute: string): string;
  /** Comma list, blanks around the commas dropped. */
  list(attribute: string): string[];
}

export function describe(known: View, name: string): Description | undefined {
  if (!objectExists(known, 'osimage', name)) return undefined;
  const values = attributesOf(known, 'osimage', name);
  const value = (attribute: string): string => values.get(attribute)?.value ?? '';
  return { name, value, list: (attribute) => words(value(attribute)) };
}

/** An image that is no object yet: what genimage -o -a -p builds and then defines. Attributes as copycds writes them. */
export function describeProfile(osvers: string, osarch: string, profile: string, install: string): Description {
  const values: Readonly<Record<string, string>> = {
    imagetype: 'linux',
    provmethod: 'netboot',
    profile,
    osname: 'Linux',
    osvers,
    osarch,
    pkgdir: usualPkgdir(osvers, osarch, install),
    otherpkgdir: `${install}/post/otherpkgs/${osvers}/${osarch}`,
    rootimgdir: `${install}/netboot/${osvers}/${osarch}/${profile}`,
  };
  const value = (attribute: string): string => values[attribute] ?? '';
  const name = `${osvers}-${osarch}-netboot-${profile}`;
  return { name, value, list: (attribute) => words(value(attribute)) };
}

/** Debian's packages come from where the build host has its own; all others from where copycds puts a medium. */
export function usualPkgdir(osvers: string, osarch: string, install: string): string {
  return releaseOf(osvers)?.bootstrap === 'mmdebstrap' ? '' : `${install}/${osvers}/${osarch}`;
}

export function words(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** `KEY=value` pairs of osimage.environvar. A word without `=` belongs to the value before it: values may hold commas. */
export function environment(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  let last: string | undefined;
  for (const word of text.split(',')) {
    const match = /^\s*([A-Za-z_]\w*)=(.*)$/.exec(word);
    if (match?.[1] !== undefined) {
      last = match[1];
      found[last] = match[2] ?? '';
    } else if (last !== undefined) found[last] = `${found[last] ?? ''},${word}`;
  }
  return found;
}

/** xCAT's place for an image that names none. */
export function rootimgdirOf(image: Description, asked: Asked): string {
  const own = image.value('rootimgdir');
  return own !== ''
    ? own
    : `${asked.folders.install}/netboot/${image.value('osvers')}/${image.value('osarch')}/${image.value('profile')}`;
}

/** A refusal in xCAT's form. */
export function refusal(server: string, message: string, exit = 1): Effect {
  return { do: 'refuse', code: 'invalid_argument', message: `Error: [${server}]: ${message}`, exit };
}

export function notNetboot(name: string): string {
  return `'${name}' cannot be used to build diskless image. Make sure osimage.provmethod is 'netboot'.`;
}

/** Which agent's disk holds the tree of an image: reported when genimage ends. */
export const builderColumn = 'hostler.builtby';
