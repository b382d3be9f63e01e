import { expect, test } from 'vitest';
import { applyChanges } from '../../../../manager/registry/apply.ts';

test('settings of the site keep the order in which they were made, everything else is kept sorted', () => {
  const values = { 'a.z': '1', 'a.b': '2' };
  const result = applyChanges(
    () => undefined,
    [
      { type: 'site', name: 'clustersite', values },
      { type: 'node', name: 'n1', values },
    ],
  );
  if (result.outcome !== 'done') throw new Error(result.message);
  expect(result.objects.map(({ after }) => Object.keys(after ?? {}))).toEqual([
    ['a.z', 'a.b'],
    ['a.b', 'a.z'],
  ]);
});
