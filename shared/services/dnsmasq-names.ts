import { isHostName } from '../boot/address.ts';
import { type DnsModel, namedIn } from './dns.ts';
import { ownMark } from './own-mark.ts';

/** A file for dnsmasq's conf-dir: names, addresses and the way back from each address. */
export function renderDnsmasqNames({ names, domain, forwarders, server }: DnsModel): string {
  const named = namedIn([server, ...names]);
  const domains = [...new Set([domain, ...named.map((one) => one.domain)])].filter(isHostName).sort();
  return [
    ownMark('#', 'makedns'),
    'domain-needed',
    'bogus-priv',
    ...domains.map((one) => `local=/${one}/`),
    ...forwarders.map((one) => `server=${one}`),
    ...named.map(({ ip, domain: its, labels }) => {
      const full = labels.map((label) => `${label}.${its}`);
      return `host-record=${[...full, ...labels].join(',')},${ip}`;
    }),
    '',
  ].join('\n');
}
