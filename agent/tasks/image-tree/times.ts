import { lutimesSync } from 'node:fs';
import { join } from 'node:path';
import { walk } from './walk.ts';

/** File systems stamp with a clock that lags a little behind. */
const lagMs = 2_000;

/** Time of the youngest file that was there before: one that a package brought. Whole seconds, in milliseconds. */
export function newestBefore(root: string, sinceMs: number): number {
  const limit = sinceMs - lagMs;
  const newest = walk(root).reduce((time, { info }) => (info.mtimeMs < limit ? Math.max(time, info.mtimeMs) : time), 0);
  return Math.floor(newest / 1000) * 1000;
}

/**
 * Gives everything that was made since then that time, so that the day of the build does not show in an image, and equal
 * packages make equal trees.
 */
export function clampTimes(root: string, sinceMs: number, epochMs: number): void {
  const limit = sinceMs - lagMs;
  const seconds = epochMs / 1000;
  // What a folder holds first: nothing is done in it afterwards.
  for (const { path, info } of walk(root).reverse()) {
    if (info.mtimeMs >= limit) lutimesSync(join(root, path), seconds, seconds);
  }
}
