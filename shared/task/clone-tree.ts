import type { ClonePiece } from '../clone/pieces.ts';
import type { Layout } from '../layout/layout.ts';
import type { Json } from '../verb/effect.ts';
import type { StoreAccess } from './blob.ts';

/** A version of a golden image, as the agent that keeps it is told of it. */
export interface GoldenVersion {
  readonly image: string;
  /** Absolute: the work tree. */
  readonly tree: string;
  /** sha256 of the packed tree and of the facts (shared/clone/facts.ts). */
  readonly root: string;
  readonly facts: string;
  readonly store: StoreAccess;
}

/** Puts the tree of a version in place of the work tree. Refused (`failed_precondition`) while that has unpacked edits. */
export const cloneUseKind = 'clone-use';
export const cloneUseVersion = 1;
export type CloneUseSpec = GoldenVersion;

/** Looks into a golden image: what `hostler image show` tells. */
export const cloneLookKind = 'clone-look';
export const cloneLookVersion = 1;
export interface CloneLookSpec extends GoldenVersion {
  /** sha256 of the SPDX document; empty where an earlier Hostler made none. */
  readonly bom: string;
}
export interface CloneLookResult {
  readonly layout: Layout;
  /** Entries of the tree, and its size unpacked where it lies unpacked on this disk. */
  readonly files: number;
  readonly packages: readonly { readonly name: string; readonly version: string; readonly arch: string }[];
  readonly pieces: readonly ClonePiece[];
  /** Overrides and scripts that were changed since they were packed; packimage takes them in. */
  readonly changedPieces: readonly string[];
  /** Generations whose trees lie unpacked, the youngest first. */
  readonly generations: readonly { readonly id: string; readonly at: number; readonly work: boolean }[];
  /** Paths of the work tree that were changed since it was packed; the first few. */
  readonly edits: readonly string[];
  readonly folder: string;
  readonly [key: string]: Json | Layout | readonly object[];
}
