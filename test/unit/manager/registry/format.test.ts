import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Migration, bringToFormat, currentFormat } from '../../../../manager/registry/format.ts';
import { openMemoryStore } from '../../../../manager/registry/memory-store.ts';
import { openRegistry } from '../../../../manager/registry/registry.ts';
import type { Store } from '../../../../manager/registry/store.ts';

/** A database as a manager that wrote this format left it. Never changed: later formats add fixtures of their own. */
async function fixture(format: number): Promise<Store> {
  const store = await openMemoryStore();
  const lines = readFileSync(new URL(`fixtures/format-${format}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n');
  await store.write(
    lines.map((line) => {
      const [key, value] = JSON.parse(line) as [string, string];
      return { key, value };
    }),
    true,
  );
  return store;
}

const noBackup = (): Promise<never> => Promise.reject(new Error('nothing should be backed up'));

test('a database of format 1 is read whole', async () => {
  const store = await bringToFormat(await fixture(1), { backup: noBackup });
  const registry = await openRegistry(store);
  expect(currentFormat).toBe(1);
  expect(registry.view.revision).toBe(4);
  expect(registry.view.row('node', 'n1')).toEqual({
    'ipmi.password': 'Ä"\\',
    'nodelist.groups': 'all',
    'nodetype.os': 'debian12',
  });
  expect(registry.view.row('group', 'all')).toEqual({});
  expect(registry.view.has('node', 'n2')).toBe(false);
  expect(registry.view.reported('node', 'n1')).toEqual({ status: 'booted' });
  expect(await registry.space('jobs').get('job/000000000001')).toEqual({ id: '1-abcd' });
  const records = [];
  for await (const record of registry.history({})) records.push(record);
  const [last, , second] = records;
  expect(last).toMatchObject({ revision: 4, command: 'rmdef n2', changes: [{ action: 'removed' }] });
  expect(second).toMatchObject({ at: 1700000001000, changes: [{ values: { 'nodetype.os': [null, 'debian12'] } }] });
});

test('a fresh database gets the present format; one of somebody else is refused', async () => {
  const store = await openMemoryStore();
  await bringToFormat(store, { backup: noBackup });
  await bringToFormat(store, { backup: noBackup });
  const other = await openMemoryStore();
  await other.write([{ key: 'x', value: 'y' }], true);
  await expect(bringToFormat(other, { backup: noBackup })).rejects.toMatchObject({ code: 'failed_precondition' });
});

test('a newer format is refused with what to do', async () => {
  const store = await openMemoryStore();
  await bringToFormat(store, { backup: noBackup, format: 7 });
  await expect(bringToFormat(store, { backup: noBackup })).rejects.toMatchObject({
    code: 'failed_precondition',
    message:
      'The registry has format 7, and this manager knows no newer one than 1. Start the version that wrote it or a later one, or restore a backup made before it.',
  });
});

/** Renames an attribute, and is careful to see where it has been already. */
const rename: Migration = {
  from: 1,
  async *run(store) {
    for await (const [key, text] of store.entries({ gte: 'o', lt: 'p' })) {
      const row = JSON.parse(text) as Record<string, string>;
      if (row['nodetype.os'] === undefined) continue;
      const { ['nodetype.os']: system, ...rest } = row;
      yield { key, value: JSON.stringify({ ...rest, 'nodetype.system': system }) };
    }
  },
};

test('a migration keeps a backup, may die half-way and be run again, and is not run a third time', async () => {
  const store = await fixture(1);
  const backups: number[] = [];
  const backup = async (format: number): Promise<Store> => {
    backups.push(format);
    return store;
  };
  const dying: Migration = {
    from: 1,
    async *run(each) {
      yield* rename.run(each);
      throw new Error('power cut');
    },
  };
  await expect(bringToFormat(store, { backup, migrations: [dying], format: 2 })).rejects.toThrow('power cut');
  const migrated = await bringToFormat(store, { backup, migrations: [rename], format: 2 });
  await bringToFormat(migrated, { backup: noBackup, migrations: [rename], format: 2 });
  expect(backups).toEqual([1, 1]);
  const registry = await openRegistry(migrated);
  expect(registry.view.row('node', 'n1')).toMatchObject({ 'nodetype.system': 'debian12' });
  await expect(bringToFormat(migrated, { backup: noBackup })).rejects.toMatchObject({ code: 'failed_precondition' });
});

test('a format that nothing leads forward from is refused', async () => {
  const store = await fixture(1);
  const backup = (): Promise<Store> => Promise.resolve(store);
  await expect(bringToFormat(store, { backup, migrations: [], format: 3 })).rejects.toMatchObject({
    code: 'failed_precondition',
  });
});
