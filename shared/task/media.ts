import type { Json } from '../verb/effect.ts';

export const mediaKind = 'media';
export const mediaVersion = 1;

/** Looks at an installation medium, or copies it. What copycds asks. */
export interface MediaSpec {
  readonly action: 'inspect' | 'copy';
  /** An ISO file, a folder with the content of one, or a block device, on the agent's machine. */
  readonly medium: string;
  /** `-n`: what it is to be called; empty: what it calls itself. */
  readonly name: string;
  /** `-a`; empty: what the medium says. */
  readonly arch: string;
  /** `-p`: the folder of the release; empty: `<installdir>/<osvers>/<arch>`. */
  readonly path: string;
  readonly installdir: string;
  /** Folders that may hold it already, each with a `.fingerprint`. Copy with `-w`: a medium found there is left alone. */
  readonly dirpaths: readonly string[];
  readonly nonoverwrite: boolean;
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
