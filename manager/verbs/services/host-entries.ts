import { isIP } from 'node:net';
import { macsOf } from '../boot/node-plan.ts';
import { attributesOf, columnValue, shownNics } from '../../../shared/objects/index.ts';
import { type HostEntry, linkLocal } from '../../../shared/services/hosts-file.ts';
import type { View } from '../../../shared/verb/view.ts';
import { type Domains, domainsOf } from './domains.ts';

/** What the hosts file says of one node: its own line first. `bad`: the address that is none. */
export interface NodeHosts {
  readonly entries: readonly HostEntry[];
  readonly ip: string;
  readonly bad: boolean;
}

/** A name as a hosts file can carry it; whatever else stands in attributes is left out. */
function names(text: string): string[] {
  return text.split(/[,\s]+/).filter((name) => name !== '' && /^[^\s#\u0000-\u0020\u007f]+$/.test(name));
}

/** Lines of a node from hosts.ip, hosts.hostnames, hosts.otherinterfaces and nics. */
export function hostsOf(known: View, node: string, domains: Domains): NodeHosts {
  const values = attributesOf(known, 'node', node);
  const value = (attr: string): string => values.get(attr)?.value ?? '';
  const ip = value('ip').trim();
  const own = isIP(ip) !== 0;
  const entries: HostEntry[] = [];
  const aliases = names(value('hostnames'));
  for (const extra of [...otherInterfaces(node, value('otherinterfaces'), domains), ...nics(known, node, domains)]) {
    // A card that has the node's own address is another name of the node.
    if (own && extra.ip === ip) {
      if (extra.name !== node) aliases.push(extra.name);
      aliases.push(...extra.others);
    } else entries.push(extra);
  }
  if (own) entries.unshift({ ip, name: node, domain: domains.ofAddress(ip), others: aliases });
  return { entries, ip, bad: ip !== '' && !own };
}

/** All names that the hosts file may have of these nodes, short. */
export function namesOf(known: View, nodes: readonly string[]): string[] {
  const domains = domainsOf(known);
  const found = nodes.flatMap((node) => [
    node,
    ...hostsOf(known, node, domains).entries.map(({ name }) => name.split('.')[0] ?? name),
  ]);
  return [...new Set(found)];
}

/** makehosts -m: the address that the node's first card gives itself. */
export function linkLocalOf(known: View, node: string, domains: Domains): HostEntry | undefined {
  const macs = macsOf(columnValue(known, node, 'mac.mac')?.value ?? '');
  const ip = 'list' in macs ? linkLocal(macs.list[0] ?? '') : undefined;
  if (ip === undefined) return undefined;
  const own = columnValue(known, node, 'hosts.ip')?.value ?? '';
  return { ip, name: node, domain: domains.ofAddress(own), others: [] };
}

/** `-ext:10.1.1.1,other:10.1.1.2`: a name that begins with a dash is put behind the node's. */
function otherInterfaces(node: string, text: string, domains: Domains): HostEntry[] {
  return text.split(/[,;\s]+/).flatMap((item) => {
    const colon = item.indexOf(':');
    const [word = '', ip] = colon < 0 ? [item] : [item.slice(0, colon), item.slice(colon + 1)];
    const [name] = names(word.startsWith('-') ? node + word : word);
    if (name === undefined || ip === undefined || isIP(ip) === 0) return [];
    return [{ ip, name, domain: domains.ofAddress(ip), others: [] }];
  });
}

/** One address of a network card of a node. */
export interface NicAddress {
  readonly nic: string;
  readonly ip: string;
  /** 0 for the first address of the card. */
  readonly at: number;
  /** The host name that this address has. */
  readonly name: string;
  /** The network that its definition names, or empty. */
  readonly network: string;
  readonly aliases: string;
}

/** `nicips.eth1=a|b` with what the other nic attributes say about each of these addresses. */
export function nicAddresses(known: View, node: string): NicAddress[] {
  const read = (column: string): Map<string, string[]> => {
    const stored = columnValue(known, node, `nics.${column}`)?.value ?? '';
    return new Map(shownNics(stored, node).map(({ nic, value }) => [nic, value.split('|')]));
  };
  const ips = read('nicips');
  if (ips.size === 0) return [];
  const [suffixes, prefixes] = [read('nichostnamesuffixes'), read('nichostnameprefixes')];
  const [aliases, networks] = [read('nicaliases'), read('nicnetworks')];
  return [...ips].flatMap(([nic, list]) =>
    list.flatMap((word, at) => {
      const ip = word.trim();
      if (isIP(ip) === 0) return [];
      const given = (map: ReadonlyMap<string, readonly string[]>): string => map.get(nic)?.[at]?.trim() ?? '';
      const usual = `-${nic.replace(/[^A-Za-z0-9_-]/g, '-')}${at === 0 ? '' : `-${at}`}`;
      const [prefix, suffix] = [given(prefixes), given(suffixes)];
      const [name] = names(prefix + node + (prefix === '' && suffix === '' ? usual : suffix));
      if (name === undefined) return [];
      return [{ nic, ip, at, name, network: given(networks), aliases: given(aliases) }];
    }),
  );
}

function nics(known: View, node: string, domains: Domains): HostEntry[] {
  return nicAddresses(known, node).map(({ ip, name, network, aliases }) => {
    const domain = network === '' ? domains.ofAddress(ip) : domains.ofNetwork(network);
    return { ip, name, domain, others: names(aliases) };
  });
}
