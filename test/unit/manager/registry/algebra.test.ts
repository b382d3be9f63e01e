import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyChanges, type Lookup } from '../../../../manager/registry/apply.ts';
import { inverseOf } from '../../../../shared/verb/recorded-change.ts';
import { openMemoryStore } from '../../../../manager/registry/memory-store.ts';
import { openRegistry } from '../../../../manager/registry/registry.ts';
import type { Change } from '../../../../shared/verb/effect.ts';
import type { Row, View } from '../../../../shared/verb/view.ts';

/** Few names and keys, so that changes meet each other; keys among them that are dangerous in JavaScript. */
const name = fc.constantFrom('n1', 'n2', 'g', '__proto__', 'constructor');
const key = fc.constantFrom('a', 'b', 'c.d', '__proto__', 'toString');
const value = fc.option(fc.string({ maxLength: 3, unit: 'binary' }), { freq: 4 });
const values = fc.array(fc.tuple(key, value), { maxLength: 4 }).map((pairs) => Object.fromEntries(pairs));
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ type: fc.constantFrom('node', 'group'), name, values }),
  fc.record({ type: fc.constantFrom('node', 'group'), name, remove: fc.constant(true as const) }),
  fc.record({ type: fc.constantFrom('node', 'group'), name, values, fresh: fc.boolean() }),
);
const commits = fc.array(fc.array(change, { maxLength: 5 }), { maxLength: 8 });

type Model = Map<string, Map<string, string>>;

/** What a registry is, written down in the simplest way. */
function apply(model: Model, changes: readonly Change[]): Model | undefined {
  const next: Model = new Map([...model].map(([id, row]) => [id, new Map(row)]));
  for (const { type, name: object, values: set = {}, remove, fresh } of changes) {
    const id = `${type}/${object}`;
    if (fresh !== undefined && fresh === next.has(id)) return undefined;
    if (remove) {
      next.delete(id);
      continue;
    }
    const row = next.get(id) ?? new Map<string, string>();
    for (const [attribute, content] of Object.entries(set)) {
      if (content === null) row.delete(attribute);
      else row.set(attribute, content);
    }
    next.set(id, row);
  }
  return next;
}

function contentOf(view: View): Record<string, [string, string][]> {
  const rows = ['node', 'group'].flatMap((type) =>
    [...view.rows(type)].map(([object, row]) => [`${type}/${object}`, row] as const),
  );
  return Object.fromEntries(rows.map(([id, row]) => [id, Object.entries(row).sort()]));
}

function contentOfModel(model: Model): Record<string, [string, string][]> {
  return Object.fromEntries([...model].map(([id, row]) => [id, [...row].sort()]));
}

const info = { user: 'u', command: 'c', correlation: 'x', at: 1 };

test('any commits, at once or one after the other, leave what the model says, also on the disk', async () => {
  await fc.assert(
    fc.asyncProperty(commits, fc.boolean(), async (all, atOnce) => {
      const store = await openMemoryStore();
      const registry = await openRegistry(store);
      let model: Model = new Map();
      const outcomes: string[] = [];
      for (const changes of all) {
        const next = apply(model, changes);
        outcomes.push(next === undefined ? 'conflict' : 'done');
        model = next ?? model;
      }
      const results = [];
      if (atOnce) results.push(...(await Promise.all(all.map((changes) => registry.commit(info, changes)))));
      else for (const changes of all) results.push(await registry.commit(info, changes));
      expect(results.map(({ outcome }) => outcome)).toEqual(outcomes);
      expect(contentOf(registry.view)).toEqual(contentOfModel(model));
      const again = await openRegistry(store);
      expect(contentOf(again.view)).toEqual(contentOfModel(model));
      expect(again.view.revision).toBe(registry.view.revision);
      await registry.close();
    }),
    { numRuns: 60 },
  );
});

test('undoing everything that the history says, from the last to the first, leaves nothing', async () => {
  await fc.assert(
    fc.asyncProperty(commits, async (all) => {
      const registry = await openRegistry(await openMemoryStore());
      for (const changes of all) await registry.commit(info, changes);
      const records = [];
      for await (const record of registry.history({})) records.push(record);
      for (const record of records) {
        const undone = await registry.commit(info, record.changes.map(inverseOf));
        expect(undone.outcome).toBe('done');
      }
      expect(contentOf(registry.view)).toEqual({});
      await registry.close();
    }),
    { numRuns: 60 },
  );
});

test('an undo is refused when somebody has changed the same since', () => {
  const row: Row = { a: '3' };
  const lookup: Lookup = () => row;
  const undo = inverseOf({ type: 'node', name: 'n1', action: 'changed', values: { a: ['1', '2'] } });
  expect(applyChanges(lookup, [undo])).toMatchObject({ outcome: 'conflict' });
});
