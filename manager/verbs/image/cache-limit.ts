import { attribute } from '../../../shared/objects/index.ts';
import { cacheBytesOf } from '../../../shared/task/image-cache.ts';
import type { View } from '../../../shared/verb/view.ts';

/** site.imagecachesize in bytes: what stages of images may take on a build host. 0: not set; undefined: no size. */
export function cacheLimit(known: View): number | undefined {
  return cacheBytesOf(attribute(known, 'site', 'clustersite', 'imagecachesize')?.value ?? '');
}

export const wrongCacheLimit =
  'site.imagecachesize is no size such as 20g or 800m. Set it right: chdef -t site imagecachesize=20g, or take it away: chdef -t site imagecachesize=.';
