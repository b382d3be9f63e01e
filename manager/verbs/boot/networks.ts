import { inNetwork, ipv4, isIpv4, maskBits } from '../../../shared/boot/address.ts';
import { attribute, attributesOf } from '../../../shared/objects/index.ts';
import type { View } from '../../../shared/verb/view.ts';

/** A network object as the boot verbs read it; addresses are checked, empty where unset. */
export interface Network {
  readonly name: string;
  readonly net: string;
  readonly mask: string;
  readonly gateway: string;
  readonly tftpserver: string;
  readonly dhcpserver: string;
  readonly dynamicrange: string;
}

/** The IPv4 networks, the narrowest first: an address belongs to the first that holds it. */
export function networksOf(known: View): Network[] {
  const found: Network[] = [];
  for (const [name] of known.rows('network')) {
    const values = attributesOf(known, 'network', name);
    const value = (key: string): string => values.get(key)?.value ?? '';
    if (!isIpv4(value('net')) || maskBits(value('mask')) === undefined) continue;
    found.push({
      name,
      net: value('net'),
      mask: value('mask'),
      gateway: value('gateway'),
      tftpserver: value('tftpserver'),
      dhcpserver: value('dhcpserver'),
      dynamicrange: value('dynamicrange').split(';')[0]?.trim() ?? '',
    });
  }
  return found.sort(
    (a, b) => (maskBits(b.mask) ?? 0) - (maskBits(a.mask) ?? 0) || (ipv4(a.net) ?? 0) - (ipv4(b.net) ?? 0),
  );
}

export function networkOf(networks: readonly Network[], address: string): Network | undefined {
  return networks.find(({ net, mask }) => inNetwork(address, net, mask));
}

/** An address as it is, or that of the node of that name; `<xcatmaster>` and everything else: undefined. */
export function resolved(known: View, word: string): string | undefined {
  if (isIpv4(word)) return word;
  if (!known.has('node', word)) return undefined;
  const address = attribute(known, 'node', word, 'ip')?.value ?? '';
  return isIpv4(address) ? address : undefined;
}
