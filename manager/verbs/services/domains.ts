import { ipv4, maskBits } from '../../../shared/boot/address.ts';
import { attribute, attributesOf } from '../../../shared/objects/index.ts';
import { ipv6, networkOf, prefixLength } from '../../../shared/services/ipv6.ts';
import { clustersite } from '../../../shared/schema/index.ts';
import type { View } from '../../../shared/verb/view.ts';

/** Which domain names in a network have. */
export interface Domains {
  /** Of the narrowest network object with a domain that holds the address, else of the site; empty: none. */
  ofAddress(address: string): string;
  /** Of a network object by its name, else of the site. */
  ofNetwork(name: string): string;
}

/** Networks are looked at once; an address then costs one look-up for each length of mask there is. */
export function domainsOf(known: View): Domains {
  const site = attribute(known, 'site', clustersite, 'domain')?.value ?? '';
  const byName = new Map<string, string>();
  const byBits = new Map<number, Map<number, string>>();
  const byPrefix = new Map<number, Map<bigint, string>>();
  for (const [name] of known.rows('network')) {
    const values = attributesOf(known, 'network', name);
    const domain = values.get('domain')?.value ?? '';
    if (domain === '') continue;
    byName.set(name, domain);
    const [address, mask] = [values.get('net')?.value ?? '', values.get('mask')?.value ?? ''];
    const [net, bits] = [ipv4(address), maskBits(mask)];
    const [net6, length] = [ipv6(address), prefixLength(mask)];
    if (net !== undefined && bits !== undefined) add(byBits, bits, Math.floor(net / 2 ** (32 - bits)), domain);
    else if (net6 !== undefined && length !== undefined) add(byPrefix, length, networkOf(net6, length), domain);
  }
  const lengths = narrowestFirst(byBits);
  const prefixes = narrowestFirst(byPrefix);
  return {
    ofAddress(address) {
      const value = ipv4(address);
      if (value !== undefined) {
        for (const [bits, nets] of lengths) {
          const domain = nets.get(Math.floor(value / 2 ** (32 - bits)));
          if (domain !== undefined) return domain;
        }
      } else if (prefixes.length > 0) {
        const long = ipv6(address);
        for (const [bits, nets] of prefixes) {
          const domain = long === undefined ? undefined : nets.get(networkOf(long, bits));
          if (domain !== undefined) return domain;
        }
      }
      return site;
    },
    ofNetwork: (name) => byName.get(name) ?? site,
  };
}

function add<T>(lengths: Map<number, Map<T, string>>, bits: number, net: T, domain: string): void {
  lengths.set(bits, (lengths.get(bits) ?? new Map<T, string>()).set(net, domain));
}

function narrowestFirst<T>(lengths: ReadonlyMap<number, T>): (readonly [number, T])[] {
  return [...lengths].sort(([a], [b]) => b - a);
}
