import type { NimClientsSpec, NimDescribeResult, NimPairs, NimResourceSpec } from '../../../shared/task/nim.ts';
import type { Requirement } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { site } from './common.ts';

/** What has files that another master needs; they are copied (NIM facts, section 10). */
const withFiles: readonly string[] = [
  'bosinst_data',
  'fb_script',
  'image_data',
  'installp_bundle',
  'lpp_source',
  'mksysb',
  'resolv_conf',
  'script',
  'spot',
];
/** Places for what clients have; each master has its own, empty at first. */
const places: readonly string[] = ['dump', 'home', 'paging', 'root', 'shared_home', 'shared_root', 'tmp'];

/** The master that has everything, by the name of its agent; empty: there is one master, or none that is called so. */
export function primeOf(known: View): string {
  return site(known, 'nimprime');
}

/** True for a master that is to be given the resources of the prime. */
export function isReplica(known: View, on: Requirement): boolean {
  return primeOf(known) !== '' && on.agent !== undefined && on.agent !== primeOf(known);
}

/** Files are copied unless all servers see the same ones, or somebody said that they are there (-d). */
export function copiesFiles(known: View, defineOnly: boolean): boolean {
  return !defineOnly && !['sns', 'all'].includes(site(known, 'sharedinstall'));
}

/**
 * The same work for another master than the prime: what it lacks of the resources is made there out of what the prime
 * has. What the prime does not have, or has by half, stays as asked, and is refused where it is not there.
 */
export function withReplicas(
  spec: NimClientsSpec,
  prime: NimDescribeResult['resources'],
  nfs: NimPairs,
  copyFrom: string | undefined,
): NimClientsSpec {
  const known = new Map(prime.filter(({ ready }) => ready).map((one) => [one.name, one]));
  const resources = spec.resources.map((resource): NimResourceSpec => {
    const there = known.get(resource.name);
    if (resource.make !== undefined || there === undefined || there.type !== resource.type) return resource;
    const { type, name, location, spot } = there;
    if (withFiles.includes(type))
      return { type, name, make: { location, attributes: nfs, ...(copyFrom !== undefined && { copyFrom }) } };
    if (!places.includes(type)) return resource;
    return { type, name, make: { location, attributes: type === 'shared_root' ? [['spot', spot], ...nfs] : nfs } };
  });
  return { ...spec, resources: resources.sort((a, b) => rank(a) - rank(b)) };
}

/** A SPOT before the roots that are made from it. */
function rank({ type }: NimResourceSpec): number {
  return type === 'lpp_source' ? 0 : type === 'spot' ? 1 : 2;
}
