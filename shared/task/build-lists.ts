import type { Json } from '../verb/effect.ts';
import type { BlobRef, StoreAccess } from './blob.ts';

export const buildListsKind = 'build-lists';
export const buildListsVersion = 1;

/** The files that an osimage names, on the management node: put into its store together, for a machine that has them not. */
export interface BuildListsSpec {
  readonly image: string;
  readonly pkglist: readonly string[];
  readonly otherpkglist: readonly string[];
  readonly exlist: readonly string[];
  /** What they name comes along; absent: none. */
  readonly synclists?: readonly string[];
  /** Each `script arg arg`; arguments that are paths of files come along. */
  readonly postinstall: readonly string[];
  /** osimage.environvar: replaces `$NAME` in the paths of includes. */
  readonly environment: Readonly<Record<string, string>>;
  /** Nothing is named: the lists of the profile are looked for, as a build does (ImageBuildSpec.search). */
  readonly search?: {
    readonly osvers: string;
    readonly arch: string;
    readonly profile: string;
    readonly [key: string]: Json;
  };
  readonly [key: string]: Json;
}

export interface BuildListsResult {
  /** With `search`: what was found, by osimage attribute; several files with commas. */
  readonly found?: Readonly<Record<string, string>>;
  readonly blob: BlobRef & { readonly [key: string]: Json };
  readonly [key: string]: Json;
}

/** In the specification of a build or packing: lists and scripts are those of the bundle, not of its machine. */
export interface BroughtLists {
  readonly blob: BlobRef & { readonly [key: string]: Json };
  readonly from: StoreAccess & { readonly [key: string]: Json };
  readonly [key: string]: Json;
}

/** Content of the blob, JSON. Lists are texts with what they include in its place. */
export interface ListBundle {
  readonly format: 1;
  readonly pkglist: readonly string[];
  readonly otherpkglist: readonly string[];
  readonly exlist: readonly string[];
  readonly postinstall: readonly (readonly BundledWord[])[];
  /** Absent in bundles of earlier versions. */
  readonly synclists?: readonly BundledSynclist[];
}

/** Its text, and for each of its lines that put content into an image what the sources of that line are. */
export interface BundledSynclist {
  readonly text: string;
  readonly entries: readonly (readonly SyncNode[])[];
}

interface SyncLook {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly time: number;
}

/** Content is base64. */
export type SyncNode = SyncLook &
  (
    | { readonly kind: 'file'; readonly content: string }
    | { readonly kind: 'folder'; readonly children: readonly SyncNode[] }
    | { readonly kind: 'link'; readonly target: string }
  );

/** A word of a call: as it is, or a file with its content (base64) and permissions. */
export type BundledWord =
  { readonly word: string } | { readonly name: string; readonly mode: number; readonly content: string };

/** Bytes of all files of a bundle. */
export const mostBundleBytes = 16 << 20;
