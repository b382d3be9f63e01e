import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimPairs, NimUpdateImageSpec } from '../../../shared/task/nim.ts';
import { resourceIsReady, type NimMaster } from './master.ts';
import { first, type NimObject } from './objects.ts';
import { halfBuilt } from './resources.ts';
import { syncSpot } from './sync-spot.ts';

/** Installs software into the SPOT of an image, which nobody may be using (NIM facts, 9.2). */
export async function updateImage(master: NimMaster, spec: NimUpdateImageSpec): Promise<{ lines: string[] }> {
  const names = [spec.spot, spec.lppSource, spec.sharedRoot, ...spec.bundles, ...spec.changes.map(({ name }) => name)];
  const known = await master.showMany(names.filter((name) => name !== ''));
  const need = (name: string, type: string): NimObject => {
    const object = known.get(name);
    if (object?.type !== type)
      throw new HostlerError('not_found', `There is no ${type} resource named ${name} on ${master.login.name}.`);
    if (!resourceIsReady(object)) throw halfBuilt(object);
    return object;
  };
  const spot = need(spec.spot, 'spot');
  unused(spot);
  if (first(spot, 'mksysb_source') !== '' && spec.lppSource !== '')
    throw new HostlerError(
      'failed_precondition',
      `The SPOT ${spec.spot} was made from the mksysb ${first(spot, 'mksysb_source')}, and NIM installs nothing into such a SPOT.`,
    );
  for (const bundle of spec.bundles) need(bundle, 'installp_bundle');
  for (const { name } of spec.changes) {
    const object = known.get(name);
    if (object === undefined) throw new HostlerError('not_found', `There is no NIM resource named ${name}.`);
    unused(object);
  }
  const lines: string[] = [];
  for (const { name, attributes } of spec.changes) {
    await master.nim('change', name, attributes);
    lines.push(`Changed the NIM resource named '${name}'.`);
  }
  if (spec.lppSource !== '') {
    need(spec.lppSource, 'lpp_source');
    await install(master, spec);
    lines.push(`Updated the SPOT named '${spec.spot}'.`);
  }
  if (spec.synclists.length > 0) {
    const synced = await syncSpot(master, spot, spec.synclists);
    master.log(`${String(synced.copied)} files and folders were copied into ${spec.spot}.`);
    lines.push(...synced.lines, 'Updated synclists files.');
  }
  if (spec.sharedRoot !== '' && (spec.lppSource !== '' || spec.synclists.length > 0)) {
    unused(need(spec.sharedRoot, 'shared_root'));
    await master.nimLasting('sync_roots', spec.spot, []);
    lines.push(`Refreshed the shared root named '${spec.sharedRoot}'.`);
  }
  return { lines };
}

async function install(master: NimMaster, spec: NimUpdateImageSpec): Promise<void> {
  const attributes: NimPairs = [
    ['lpp_source', spec.lppSource],
    ['installp_flags', spec.installpFlags],
    ...(spec.filesets.length === 0 ? [] : ([['filesets', spec.filesets.join(' ')]] as const)),
    ...spec.bundles.map((bundle) => ['installp_bundle', bundle] as const),
  ];
  await master.nimLasting('cust', spec.spot, attributes);
  const now = await master.show(spec.spot);
  if (!now) throw new HostlerError('internal', `NIM reported success, but ${spec.spot} is not there.`);
  if (!resourceIsReady(now)) throw halfBuilt(now);
}

function unused(object: NimObject): void {
  if (first(object, 'alloc_count') !== '0')
    throw new HostlerError(
      'failed_precondition',
      `The resource named '${object.name}' is currently allocated (alloc_count ${first(object, 'alloc_count')}). It is not changed under the nodes that use it: take them away first (rmdsklsnode), or make a copy (mknimimage -i).`,
    );
}
