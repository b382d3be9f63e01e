import { imageCacheKind, imageCacheVersion } from '../../../shared/task/image-cache.ts';
import { LayerCache } from '../image-build/layers/cache.ts';
import { Fields } from '../image-tree/fields.ts';
import type { TaskKind } from '../types.ts';

/** How much the stages of earlier builds take on this machine; with `clear` they are taken away. */
export const imageCache: TaskKind = {
  kind: imageCacheKind,
  version: imageCacheVersion,
  roles: ['build'],
  run: async (context) => {
    const clear = new Fields(context.spec, imageCacheKind).flag('clear');
    const cache = new LayerCache(context.home);
    const bytes = await cache.bytes(context.signal);
    if (clear) await cache.clear(context.signal);
    return { ...bytes };
  },
};
