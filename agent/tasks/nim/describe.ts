import type { NimDescribeResult, NimDescribeSpec } from '../../../shared/task/nim.ts';
import { resourceIsReady, type NimMaster } from './master.ts';
import { first } from './objects.ts';

/** What this master has of these resources; what it has not is left out. */
export async function describe(master: NimMaster, spec: NimDescribeSpec): Promise<NimDescribeResult> {
  if (await master.isEmpty()) return { resources: [] };
  const known = await master.showMany(spec.names);
  return {
    resources: [...known.values()].map((object) => ({
      type: object.type,
      name: object.name,
      location: first(object, 'location'),
      ready: resourceIsReady(object),
      spot: first(object, 'spot'),
      allocated: (first(object, 'alloc_count') || '0') !== '0',
    })),
  };
}
