import type { Json } from '../verb/effect.ts';

export const imageCacheKind = 'image-cache';
export const imageCacheVersion = 1;

/** What a build host keeps of earlier builds. */
export interface ImageCacheSpec {
  /** Take it all away; refused while a build uses it. */
  readonly clear: boolean;
  /** Bring it to its limit, as every build does that made something. */
  readonly trim?: boolean;
  /** Bytes that stages of images may take; 0 or absent: the usual limit. */
  readonly most?: number;
}

/** Bytes of stages of images on a build host, where site.imagecachesize and the agent's environment say nothing. */
export const usualCacheBytes = 12 * 2 ** 30;

/** What site.imagecachesize says: `20g`, `800m`, or bytes. 0: nothing; undefined: what is no size. */
export function cacheBytesOf(text: string): number | undefined {
  const match = /^(\d{1,15})([kmgt]?)(?:i?b)?$/i.exec(text.trim() === '' ? '0' : text.trim());
  if (match?.[1] === undefined) return undefined;
  const bytes = Number(match[1]) * 1024 ** ' kmgt'.indexOf(match[2]?.toLowerCase() || ' ');
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

export interface ImageCacheResult {
  /** Bytes of the stages of images; of package files. What they were, when they were cleared. */
  readonly layers: number;
  readonly packages: number;
  /** Bytes that the stages may take. */
  readonly most?: number;
  readonly [key: string]: Json;
}
