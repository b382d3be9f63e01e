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
  /** Where the files go; empty endpoints: this very agent keeps them. */
  readonly store: StoreAccess;
  /** Lines written to /opt/xcat/xcatinfo and the manifest. */
  readonly info: Readonly<Record<string, string>>;
}

/** A version of an image: its identity is the digest of `root`. */
export interface ImagePackResult {
  readonly root: BlobRef & { readonly [key: string]: Json };
  readonly kernel: BlobRef & { readonly [key: string]: Json };
  readonly initrd: BlobRef & { readonly [key: string]: Json };
  readonly manifest: BlobRef & { readonly [key: string]: Json };
  readonly kernelver: string;
  readonly arch: string;
  readonly method: string;
  readonly [key: string]: Json;
}
