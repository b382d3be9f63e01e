import { isIP } from 'node:net';
import { ipv4, maskBits } from '../../../shared/boot/address.ts';
import { attribute, attributesOf } from '../../../shared/objects/index.ts';
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
  for (const [name] of known.rows('network')) {
    const values = attributesOf(known, 'network', name);
    const domain = values.get('domain')?.value ?? '';
    if (domain === '') continue;
    byName.set(name, domain);
    const [net, bits] = [ipv4(values.get('net')?.value ?? ''), maskBits(values.get('mask')?.value ?? '')];
    if (net === undefined || bits === undefined) continue;
    const nets = byBits.get(bits) ?? new Map<number, string>();
    byBits.set(bits, nets.set(Math.floor(net / 2 ** (32 - bits)), domain));
  }
  const lengths = [...byBits].sort(([a], [b]) => b - a);
  return {
    ofAddress(address) {
      const value = isIP(address) === 4 ? ipv4(address) : undefined;
      if (value === undefined) return site;
      for (const [bits, nets] of lengths) {
        const domain = nets.get(Math.floor(value / 2 ** (32 - bits)));
        if (domain !== undefined) return domain;
      }
      return site;
    },
    ofNetwork: (name) => byName.get(name) ?? site,
  };
}
