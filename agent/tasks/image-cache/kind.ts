import { imageCacheKind, imageCacheVersion } from '../../../shared/task/image-cache.ts';
import { LayerCache } from '../image-build/layers/cache.ts';
import { Fields } from '../image-tree/fields.ts';
import type { TaskKind } from '../types.ts';

/** How much the stages of earlier builds take on this machine; with `clear` they are taken away, with `trim` what is beyond the limit. */
export const imageCache: TaskKind = {
  kind: imageCacheKind,
  version: imageCacheVersion,
  roles: ['build'],
  run: async (context) => {
    const fields = new Fields({ trim: false, ...(context.spec as object) }, imageCacheKind);
    const clear = fields.flag('clear');
    const most = fields.count('most');
    const cache = new LayerCache(context.home);
    if (fields.flag('trim')) {
      // Its folders are there then.
      await cache.during(context.signal, () => Promise.resolve());
      await cache.trim(most, context.signal);
    }
    const bytes = await cache.bytes(context.signal);
    if (clear) await cache.clear(context.signal);
    return { ...bytes, most: cache.most(most) };
  },
};
