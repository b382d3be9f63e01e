import { isHostName, isIpv4, normalMac } from '../../../shared/boot/address.ts';
import { attributesOf, commaList, type AttributeValue } from '../../../shared/objects/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import { networkOf, resolved, type Network } from './networks.ts';
import { defaultServer } from './servers.ts';

/** One node as nodeset sees it. */
export interface NodeFacts {
  readonly name: string;
  value(attribute: string): string;
}

export function nodeFacts(known: View, name: string): NodeFacts {
  const values: ReadonlyMap<string, AttributeValue> = attributesOf(known, 'node', name);
  return { name, value: (attr) => values.get(attr)?.value ?? '' };
}

/** Where and as what a node is served. */
export interface Served {
  readonly name: string;
  readonly macs: readonly string[];
  readonly ip: string;
  readonly network: Network;
  /** Address of the boot server as the node sees it. */
  readonly address: string;
  /** Service nodes that serve it; `defaultServer` for the manager's own. */
  readonly servers: readonly string[];
}

/** Why a node cannot be served: a sentence for the user. */
export interface Trouble {
  readonly trouble: string;
}

/** What the boot server needs of one node, or what is missing. */
export function servedOf(
  known: View,
  node: NodeFacts,
  site: { readonly networks: readonly Network[]; readonly master: string },
): Served | Trouble {
  const { name } = node;
  if (!isHostName(name)) return { trouble: `'${name}' is no host name, so it cannot be booted` };
  const ip = node.value('ip');
  if (ip === '') return { trouble: `No ip attribute is set, so ${name} cannot be booted: chdef ${name} ip=ADDRESS` };
  if (!isIpv4(ip)) return { trouble: `ip=${ip} is no IPv4 address` };
  const macs = macsOf(node.value('mac'));
  if ('trouble' in macs) return { trouble: `${macs.trouble}: chdef ${name} mac=MAC` };
  const network = networkOf(site.networks, ip);
  if (!network) return { trouble: `ip=${ip} lies in no network object: mkdef -t network NAME net=... mask=...` };
  const words = [network.tftpserver, node.value('tftpserver'), node.value('xcatmaster'), site.master];
  const address = words.map((word) => resolved(known, word)).find((found) => found !== undefined);
  if (address === undefined) {
    return {
      trouble:
        site.master === '' && node.value('xcatmaster') === ''
          ? 'No master in site table nor noderes table for the node.'
          : `The boot server has no address that ${name} could be told: set site.master or tftpserver of the network ` +
            `${network.name} to an IPv4 address`,
    };
  }
  return { name, macs: macs.list, ip, network, address, servers: serversOf(node.value('servicenode')) };
}

/** A pool of service nodes: every member serves. */
export function serversOf(servicenode: string): string[] {
  const names = commaList(servicenode).map((name) => name.trim());
  return names.length === 0 ? [defaultServer] : names;
}

/** `MAC`, or `MAC1!host1|MAC2!*NOIP*`: cards without an address are left out. */
export function macsOf(text: string): { readonly list: string[] } | Trouble {
  const list: string[] = [];
  for (const part of text.split('|')) {
    const [word = '', host] = part.trim().split('!');
    if (word === '' || host === '*NOIP*') continue;
    const mac = normalMac(word);
    if (mac === undefined) return { trouble: `mac=${word} is no MAC address` };
    if (!list.includes(mac)) list.push(mac);
  }
  return list.length === 0 ? { trouble: 'No mac attribute is set' } : { list };
}
