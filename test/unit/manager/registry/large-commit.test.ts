import { expect, it } from 'vitest';
import { openMemoryStore } from '../../../../manager/registry/memory-store.ts';
import { openRegistry } from '../../../../manager/registry/registry.ts';
import type { Change } from '../../../../shared/verb/effect.ts';

// A commit of very many objects must not be handed on as the arguments of one call: there is a limit to those.
it('takes one commit of 150,000 objects, and takes it back', async () => {
  const registry = await openRegistry(await openMemoryStore());
  const info = { user: 'root', command: 'test', correlation: 'test', at: 0 };
  const names = Array.from({ length: 150_000 }, (_, index) => `n${String(index)}`);
  const add = names.map((name): Change => ({ type: 'node', name, values: { 'nodelist.groups': 'all' } }));
  expect((await registry.commit(info, add)).outcome).toBe('done');
  expect(registry.view.count('node')).toBe(names.length);
  const remove = names.map((name): Change => ({ type: 'node', name, remove: true }));
  expect((await registry.commit(info, remove)).outcome).toBe('done');
  expect(registry.view.count('node')).toBe(0);
  await registry.close();
}, 60_000);
