import { rangeOf, spaceKey, spacePrefix } from './keys.ts';
import type { Store, StoreWrite } from './store.ts';
import type { KeySpace, SpaceWrites } from './types.ts';

export function spaceStoreWrites({ space, writes }: SpaceWrites): StoreWrite[] {
  return writes.map(({ key, value }) => ({
    key: spaceKey(space, key),
    value: value === undefined ? undefined : JSON.stringify(value),
  }));
}

/** A key space over the registry's store; `write` is the registry's own, so that everything stays in order. */
export function openSpace(
  name: string,
  store: Store,
  write: (writes: readonly StoreWrite[], sync: boolean) => Promise<void>,
): KeySpace {
  const prefixLength = spacePrefix(name).length;
  return {
    name,
    async get(key) {
      const text = await store.get(spaceKey(name, key));
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    },
    async *entries({ prefix = '', after, limit, reverse = false } = {}) {
      const { gte, lt } = rangeOf(spaceKey(name, prefix));
      // `after` means beyond in the direction of the walk.
      const begin =
        after === undefined
          ? { gte, lt }
          : reverse
            ? { gte, lt: spaceKey(name, after) }
            : { gt: spaceKey(name, after), lt };
      const range = limit === undefined ? begin : { ...begin, limit };
      for await (const [key, text] of store.entries({ ...range, reverse })) {
        yield [key.slice(prefixLength), JSON.parse(text) as unknown] as const;
      }
    },
    write: (writes, options) => write(spaceStoreWrites({ space: name, writes }), options?.soon !== true),
  };
}
