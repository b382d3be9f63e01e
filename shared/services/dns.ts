import { isIP } from 'node:net';
import { isHostName } from '../boot/address.ts';
import type { HostEntry } from './hosts-file.ts';

/** What a name server is to know; rendered for dnsmasq and BIND. */
export interface DnsModel {
  /** Of the site; empty: none. */
  readonly domain: string;
  readonly names: readonly HostEntry[];
  /** Who answers for the rest of the world. */
  readonly forwarders: readonly string[];
  /** Our own name and address, for the zones. */
  readonly server: HostEntry;
}

/** One address and what it is called, full names first; only what DNS can carry. */
export interface Named {
  readonly ip: string;
  readonly domain: string;
  /** Without the domain. */
  readonly labels: readonly string[];
}

/** Names without a domain are left out: no zone could hold them. */
export function namedIn(entries: readonly HostEntry[]): Named[] {
  return entries.flatMap(({ ip, name, domain, others }) => {
    if (isIP(ip) === 0 || !isHostName(domain)) return [];
    const tail = `.${domain}`;
    const labels = [name, ...others].map((one) => (one.endsWith(tail) ? one.slice(0, -tail.length) : one));
    const able = [...new Set(labels)].filter((label) => !label.includes('.') && isHostName(label));
    return able.length === 0 ? [] : [{ ip, domain, labels: able }];
  });
}
