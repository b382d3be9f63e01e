import type { Json } from '../verb/effect.ts';
import type { BlobRef, StoreAccess } from './blob.ts';

export const imagePackKind = 'image-pack';
export const imagePackVersion = 1;

/** Packs `<rootimgdir>/rootimg` into an immutable image and hands the files to a store. What packimage asks. */
export interface ImagePackSpec {
  readonly image: string;
  readonly rootimgdir: string;
  readonly method: 'squashfs' | 'cpio' | 'tar';
  readonly compress: 'zstd' | 'gzip' | 'pigz' | 'xz' | 'lz4';
  /** Files on the build host. */
  readonly exlist: readonly string[];
  /** Synclists on the build host whose files go into the image; absent: none. */
  readonly synclists?: readonly string[];
  /** What they name was brought with them and lies beside them. */
  readonly broughtSynclists?: boolean;
  /** The manager's public key for images (64 hexadecimal digits), for the initrd to check; absent or empty: none. */
  readonly key?: string;
  /** Of root (plain, or as crypt(3) has it), for nodes and not for the image; absent or empty: what the tree has. */
  readonly rootPassword?: string;
  /** `Europe/Berlin`; absent or empty: what the tree has. */
  readonly timezone?: string;
  /** Where the files go; empty endpoints: this very agent keeps them. */
  readonly store: StoreAccess;
  /** Lines written to /opt/xcat/xcatinfo and the manifest. */
  readonly info: Readonly<Record<string, string>>;
}

type Kept = BlobRef & { readonly [key: string]: Json };

/** A version of an image. Its identity is the digest of the manifest, which names the digests of all the others. */
export interface ImagePackResult {
  readonly root: Kept;
  readonly kernel: Kept;
  readonly initrd: Kept;
  readonly manifest: Kept;
  /** SPDX document; null: a golden tree, whose packages are not looked at. */
  readonly bom: Kept | null;
  /** What must not lie in the image (shared/task/node-files.ts); null: nothing. */
  readonly files: Kept | null;
  readonly kernelver: string;
  readonly arch: string;
  readonly method: string;
  readonly compress?: string;
  /** Nodes check the signature: the image has a program that can. */
  readonly checked: boolean;
  readonly [key: string]: Json;
}

/**
 * What a version is: the same for equal builds, so nothing of who, when and where. It is kept as a blob, JSON, and its
 * sha256 names the version.
 */
export interface ImageManifest {
  readonly format: 1;
  readonly image: string;
  readonly uuid: string;
  readonly arch: string;
  readonly kernelver: string;
  readonly method: string;
  readonly compress: string;
  readonly info: Readonly<Record<string, string>>;
  /** By what they are: root, kernel, initrd, bom. */
  readonly files: Readonly<Record<string, BlobRef>>;
  /** `hiddenDigest` of what must not lie in the image; empty: there is nothing. */
  readonly nodeFiles: string;
  /** Bytes of the initrd without what checks the signature, which stands behind them. */
  readonly initrdBytes: number;
  /** sha256 of each exclude list and synclist. */
  readonly exlist: readonly string[];
  readonly synclists: readonly string[];
  /** Key of everything that genimage made the tree of. */
  readonly inputs: string;
  /** What was changed in the tree by hand since genimage, by path. */
  readonly edits: readonly {
    readonly path: string;
    readonly change: 'added' | 'changed' | 'removed';
    readonly what: readonly string[];
  }[];
  /** Programs that packed it, with what they say that they are. */
  readonly tools: Readonly<Record<string, string>>;
  readonly packages: readonly { readonly name: string; readonly version: string; readonly arch: string }[];
}

const endings: Readonly<Record<string, string>> = { xz: 'xz', zstd: 'zst', lz4: 'lz4' };

/** xCAT's name of the packed file, by method and compression: `rootimg.sfs`, `rootimg.cpio.gz`. */
export function packedName(method: string, compress: string): string {
  return method === 'squashfs' ? 'rootimg.sfs' : `rootimg.${method}.${endings[compress] ?? 'gz'}`;
}
