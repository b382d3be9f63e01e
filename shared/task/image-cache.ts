import type { Json } from '../verb/effect.ts';

export const imageCacheKind = 'image-cache';
export const imageCacheVersion = 1;

/** What a build host keeps of earlier builds. */
export interface ImageCacheSpec {
  /** Take it all away; refused while a build uses it. */
  readonly clear: boolean;
}

export interface ImageCacheResult {
  /** Bytes of the stages of images; of package files. What they were, when they were cleared. */
  readonly layers: number;
  readonly packages: number;
  readonly [key: string]: Json;
}
