import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimImageSpec, NimResourceSpec } from '../../../shared/task/nim.ts';
import type { NimMaster } from './master.ts';
import type { NimObject } from './objects.ts';
import { checkFound, needRunningClient, notThere } from './resources.ts';

/**
 * What would stop the making of an image after minutes or hours is looked for before anything is made: resources that
 * must be there and are not, names that others have, sources, backups and golden nodes that cannot be used. Returns
 * those that are still to be made.
 */
export async function lookBefore(
  master: NimMaster,
  spec: NimImageSpec,
  configured: boolean,
): Promise<NimResourceSpec[]> {
  const names = spec.resources.map(({ name }) => name);
  const known = configured ? await master.showMany(names) : new Map<string, NimObject>();
  const missing: NimResourceSpec[] = [];
  for (const resource of spec.resources) {
    const there = known.get(resource.name);
    if (there !== undefined) checkFound(there, resource);
    else {
      await lookFor(master, resource, configured);
      missing.push(resource);
    }
  }
  return missing;
}

async function lookFor(master: NimMaster, resource: NimResourceSpec, configured: boolean): Promise<void> {
  const { type, make } = resource;
  if (make === undefined) throw notThere(master, resource);
  const source = make.attributes.find(([key]) => key === 'source')?.[1] ?? '';
  const files = [
    ...(source.startsWith('/') ? [source] : []),
    ...(type === 'mksysb' && make.fromClient === undefined ? [make.location] : []),
  ];
  for (const file of files)
    if (!(await master.exists(file)))
      throw new HostlerError(
        'not_found',
        `${file} does not exist on ${master.login.name}, and the ${type} resource ${resource.name} is to be made from it.`,
      );
  if (make.fromClient !== undefined && configured) await needRunningClient(master, make.fromClient);
}
