import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDiskStore } from '../../../../manager/registry/disk-store.ts';
import { openMemoryStore } from '../../../../manager/registry/memory-store.ts';
import { openRegistry } from '../../../../manager/registry/registry.ts';
import type { Store } from '../../../../manager/registry/store.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostler-disk-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('a database that is open elsewhere is refused', async () => {
  const store = await openDiskStore(folder);
  await expect(openDiskStore(folder)).rejects.toMatchObject({ code: 'failed_precondition' });
  await store.close();
  await (await openDiskStore(folder)).close();
});

/** A store whose next write fails, as when the disk is full. */
function failing(store: Store): Store & { fail: boolean } {
  return {
    fail: false,
    get: (key) => store.get(key),
    entries: (range) => store.entries(range),
    // It forgets everything when it is closed.
    close: () => Promise.resolve(),
    async write(batch, sync) {
      if (this.fail) throw new Error('No space left on device');
      await store.write(batch, sync);
    },
  };
}

test('a write that fails changes nothing, is told to everybody who waited, and the next one works', async () => {
  const store = failing(await openMemoryStore());
  const registry = await openRegistry(store);
  const info = { user: 'u', command: 'c', correlation: 'x', at: 1 };
  const set = (a: string): ReturnType<typeof registry.commit> =>
    registry.commit(info, [{ type: 'node', name: 'n1', values: { a } }]);
  await set('1');
  store.fail = true;
  registry.observe('node', 'n1', { status: 'booted' });
  const results = await Promise.allSettled([set('2'), set('3'), registry.space('x').write([{ key: 'k', value: 1 }])]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(registry.view.row('node', 'n1')).toEqual({ a: '1' });
  expect(registry.view.revision).toBe(1);
  store.fail = false;
  expect(await set('4')).toEqual({ outcome: 'done', revision: 2 });
  await registry.close();
  const again = await openRegistry(store);
  expect(again.view.row('node', 'n1')).toEqual({ a: '4' });
  // What was reported meanwhile is not lost by it.
  expect(again.view.reported('node', 'n1')).toEqual({ status: 'booted' });
});
