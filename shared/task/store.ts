import type { Json } from '../verb/effect.ts';

export const storeCollectKind = 'store-collect';
export const storeCollectVersion = 1;

/** Takes blobs out of an agent's store that nothing refers to any more. */
export interface StoreCollectSpec {
  /** sha256 of each. */
  readonly blobs: readonly string[];
}

export interface StoreCollectResult {
  readonly removed: number;
  readonly bytes: number;
  /** Still there: a node may be loading them, or the same was put in again. */
  readonly kept: readonly string[];
  readonly [key: string]: Json;
}

export const storeVerifyKind = 'store-verify';
export const storeVerifyVersion = 1;

/** Reads blobs of an agent's store again and compares them with their names. */
export interface StoreVerifySpec {
  readonly blobs: readonly string[];
}

export interface StoreVerifyResult {
  readonly missing: readonly string[];
  readonly wrong: readonly string[];
  readonly bytes: number;
  readonly [key: string]: Json;
}
