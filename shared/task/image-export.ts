import type { Json } from '../verb/effect.ts';
import type { BlobRef, StoreAccess } from './blob.ts';

export const imageExportKind = 'image-export';
export const imageExportVersion = 1;
export const imageImportKind = 'image-import';
export const imageImportVersion = 1;
export const imageRemoveKind = 'image-remove';
export const imageRemoveVersion = 1;

/** `table.column` to value, as the registry has an osimage. */
export type ImageRow = Readonly<Record<string, string>>;

/** Writes the bundle of an image. */
export interface ImageExportSpec {
  readonly image: string;
  /** Absolute path of the bundle on the agent's machine. */
  readonly bundle: string;
  readonly row: ImageRow;
  /** Files of the build host that the image names: lists, scripts, templates. */
  readonly lists: readonly string[];
  /** Further files, and the folder that each goes to when it is imported. */
  readonly extra: readonly { readonly file: string; readonly folder: string }[];
  /** `postscripts` and `postbootscripts` of a node; empty: none. */
  readonly scripts: Readonly<Record<string, string>>;
  /** The packed version; null: there is none, and only definitions and lists are bundled. */
  readonly version: {
    readonly signature: string;
    readonly method: string;
    readonly compress: string;
    readonly from: StoreAccess;
    readonly blobs: Readonly<Record<string, BlobRef>>;
  } | null;
}

export interface ImageExportResult {
  readonly bundle: string;
  readonly bytes: number;
  readonly files: readonly string[];
  readonly [key: string]: Json;
}

export interface ImageImportSpec {
  /** Absolute path of the bundle on the agent's machine. */
  readonly bundle: string;
  /** Another profile: files go to its own folder, and the image gets its name. Empty: as they were. */
  readonly profile: string;
  readonly key: string;
}

export interface ImageImportResult {
  readonly image: string;
  readonly row: ImageRow;
  readonly scripts: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  /** As image-pack's result has them, without what is not known; null: the bundle holds no packed version of ours. */
  readonly version: {
    readonly blobs: Readonly<Record<string, { readonly digest: string; readonly bytes: number }>>;
    readonly kernelver: string;
    readonly arch: string;
    readonly method: string;
    readonly compress: string;
    readonly checked: boolean;
  } | null;
  readonly [key: string]: Json;
}

/** Takes away what genimage and packimage made in an image folder. */
export interface ImageRemoveSpec {
  readonly rootimgdir: string;
}

/** Names of the files of a version in a bundle. */
export const bundleNames: Readonly<Record<string, string>> = {
  kernel: 'kernel',
  initrd: 'initrd-stateless.zst',
  bom: 'bom.spdx.json',
  files: 'node-files.json',
  manifest: 'manifest.json',
};
