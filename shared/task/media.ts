import type { Json } from '../verb/effect.ts';

export const mediaKind = 'media';
export const mediaVersion = 1;

/** How the media of one command are to be called, and where they go. */
export interface MediaCalled {
  /** `-n`: what it is to be called; empty: what it calls itself. */
  readonly name: string;
  /** `-a`; empty: what the medium says. */
  readonly arch: string;
  /** `-p`: the folder of the release; empty: `<installdir>/<osvers>/<arch>`. */
  readonly path: string;
  readonly installdir: string;
}

/** Tells what installation media are: ISO files, folders with the content of one, block devices of the agent's machine. */
export interface MediaLookSpec extends MediaCalled {
  readonly action: 'look';
  readonly media: readonly string[];
}

/** Copies one. */
export interface MediaCopySpec extends MediaCalled {
  readonly action: 'copy';
  readonly medium: string;
  /** Folders that may hold it already, each with a `.fingerprint`. With `-w` a medium found there is left alone. */
  readonly dirpaths: readonly string[];
  readonly nonoverwrite: boolean;
}

/** Of one medium; both empty: it is none that is known. */
export interface MediaLooked {
  readonly found: MediaFound | null;
  /** Why it cannot be copied, a sentence. */
  readonly problem: string;
  readonly [key: string]: Json;
}

/** What the medium is, and where it goes. */
export interface MediaFound {
  readonly osvers: string;
  /** Word of the folder and of osimage.osarch. */
  readonly arch: string;
  /** What `-i` prints. */
  readonly shownArch: string;
  readonly disc: string;
  /** The folder of the release: what osdistro.dirpaths lists. */
  readonly path: string;
  /** Where this medium goes: `path`, or a folder below it. */
  readonly target: string;
  /** What an osimage lists in pkgdir for it. */
  readonly pkgdir: string;
  readonly [key: string]: Json;
}

/** Undefined file: there is none for that profile. */
export interface ProfileFiles {
  readonly profile: string;
  readonly [kind: string]: string;
}

export interface MediaCopied {
  readonly outcome: 'copied' | 'present';
  readonly files: number;
  readonly bytes: number;
  /** Of these: what was there already, whole. */
  readonly kept: number;
  /** Files whose digest the medium itself names, and that have it. */
  readonly verified: number;
  readonly seconds: number;
  /** What was left out and why, a sentence each. */
  readonly warnings: readonly string[];
  /** Lists, templates and scripts for the release that lie on the agent's machine. */
  readonly install: readonly ProfileFiles[];
  readonly netboot: readonly ProfileFiles[];
  readonly [key: string]: Json;
}
