import type { ListMode } from '../distro/media-lists.ts';
import type { Json } from '../verb/effect.ts';
import type { ProfileFiles } from './media.ts';

export const imageListsKind = 'image-lists';
export const imageListsVersion = 1;

/** Searches of one task at most; each reads two or four folders. */
export const mostListSearches = 1_000;

/** The lists, templates and scripts of one profile for a release, by xCAT's search order. */
export interface ListSearch {
  readonly mode: ListMode;
  readonly profile: string;
  readonly osvers: string;
  readonly osarch: string;
  readonly [key: string]: Json;
}

/** Looks below `<installdir>/custom` and in the share folder of the agent's machine. */
export interface ImageListsSpec {
  readonly installdir: string;
  /** Each of the words may stand in a file name: letters, digits, `.` `_` `+` `-`. */
  readonly searches: readonly ListSearch[];
  readonly [key: string]: Json;
}

/** In the order of the searches; a row holds what was found, `profile` always. */
export interface ImageListsResult {
  readonly found: readonly ProfileFiles[];
  readonly [key: string]: Json;
}
