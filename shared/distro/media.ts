import { elMedium } from './media-el.ts';
import { debianMedium } from './media-debian.ts';
import { suseMedium } from './media-suse.ts';

/** What recognition reads of a medium: small text files by their path, and what a folder holds. */
export interface MediumText {
  /** Without leading slash; undefined: not there. */
  text(path: string): string | undefined;
  /** Names in a folder (`''`: the top), in no order. */
  names(folder: string): readonly string[];
}

/** An installation medium that was recognised, in xCAT's words. */
export interface Medium {
  readonly family: 'debian' | 'el' | 'suse';
  /** `rocky9.4`; genimage and every osimage know it as osvers. */
  readonly osvers: string;
  /** What the folder below /install/<osvers> is called; empty: the medium does not say. */
  readonly arch: string;
  /** What `copycds -i` prints: the medium's own word. */
  readonly shownArch: string;
  /** `1`, `sdk1`; empty: not numbered. */
  readonly disc: string;
  /** Below the folder of the release: media that are a repository each do not overwrite one another. */
  readonly folder: string;
  /** What xCAT calls the medium when the architecture is not the one that was asked for. */
  readonly calls: string;
}

/** `-n` and `-a` of the command. */
export interface Called {
  readonly name: string;
  readonly arch: string;
}

/** Beginnings of names that `-n` may give a medium of the family (facts on copycds: OS names). */
const named: readonly (readonly [Medium['family'], RegExp])[] = [
  ['debian', /^(?:debian|ubuntu)/i],
  ['el', /^(?:rh|centos|rocky|alma|ol|SL|fedora|pkvm|openeuler)/],
  ['suse', /^(?:sles?|suse|leap|opensuse)/],
];

const recognisers = [debianMedium, elMedium, suseMedium];

/**
 * What the medium is. With `-n` it is called so, if a medium of that family can be; a medium that says nothing about
 * itself is taken as what `-n` and `-a` say when it holds a repository. Undefined: no medium.
 */
export function recognise(medium: MediumText, called: Called): Medium | undefined {
  const family = named.find(([, pattern]) => pattern.test(called.name))?.[0];
  if (called.name !== '' && family === undefined) return undefined;
  for (const recogniser of recognisers) {
    const found = recogniser(medium);
    if (found === undefined) continue;
    if (called.name === '') return found;
    return family === found.family ? { ...found, osvers: called.name } : undefined;
  }
  if (family === undefined || !holdsRepository(medium)) return undefined;
  return {
    family,
    osvers: called.name,
    arch: '',
    shownArch: '',
    disc: family === 'suse' ? '1' : '',
    folder: family === 'suse' ? '1' : '',
    calls: 'distribution',
  };
}

/** At the top or one folder down, as on media of EL 8 and later. */
function holdsRepository(medium: MediumText): boolean {
  const top = medium.names('');
  return top.some(
    (name) => ['repodata', 'dists', 'media.1', 'content'].includes(name) || medium.names(name).includes('repodata'),
  );
}
