import { lutimesSync } from 'node:fs';
import { join } from 'node:path';
import { walk } from './walk.ts';

/** File systems stamp with a clock that lags a little behind. */
const lagMs = 2_000;

/**
 * Gives everything that was made since then the time of the youngest file that is older, which is one that a package
 * brought. So the day of the build does not show in an image, and equal packages make equal trees.
 */
export function clampTimes(root: string, sinceMs: number): void {
  const entries = walk(root);
  const limit = sinceMs - lagMs;
  const newest = entries.reduce((time, { info }) => (info.mtimeMs < limit ? Math.max(time, info.mtimeMs) : time), 0);
  const seconds = Math.floor(newest / 1000);
  for (const { path, info } of entries) {
    if (info.mtimeMs >= limit) lutimesSync(join(root, path), seconds, seconds);
  }
}
