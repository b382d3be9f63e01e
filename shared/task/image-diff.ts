import type { Json } from '../verb/effect.ts';
import type { BlobRef, StoreAccess } from './blob.ts';

export const imageDiffKind = 'image-diff';
export const imageDiffVersion = 1;

/** Compares two packed images, file by file. */
export interface ImageDiffSpec {
  readonly images: readonly [DiffedImage, DiffedImage];
  /** Lines of the result at most. */
  readonly most: number;
}

export interface DiffedImage {
  readonly root: BlobRef;
  readonly manifest: BlobRef;
  /** clone: a golden tree, whose manifest is its facts. */
  readonly method: 'squashfs' | 'cpio' | 'tar' | 'clone';
  /** Its packages, where the manifest does not list them; an empty digest: there is none. */
  readonly bom: BlobRef;
  /** Where it is, when this agent has it not. */
  readonly from: StoreAccess;
}

/** Lines begin with `+` (only in the second), `-` (only in the first) or `~` (in both, different). */
export interface ImageDiffResult {
  readonly packages: readonly string[];
  readonly files: readonly string[];
  /** Files beyond `most`. */
  readonly leftOut: number;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** Bytes of all files of each, and of the packed images. */
  readonly bytes: readonly [number, number];
  readonly packed: readonly [number, number];
  readonly [key: string]: Json;
}
