import { isIP } from 'node:net';
import { byName } from '../objects/index.ts';
import { type DnsModel, type Named, namedIn } from './dns.ts';
import { ipv6, reverseName } from './ipv6.ts';
import { ownMark } from './own-mark.ts';

/** A file of BIND's, under its final path. */
export interface BindFile {
  readonly path: string;
  readonly content: string;
  /** The zone it holds; absent: the configuration itself. */
  readonly zone?: string;
}

/** Where the files are to be. `work`: an existing folder that named may write into. */
export interface BindPlace {
  readonly conf: string;
  readonly zones: string;
  readonly work: string;
}

/** Seconds: records may be kept; a secondary asks, asks again, gives up. */
const times = { ttl: 86_400, refresh: 10_800, retry: 3_600, expire: 604_800, negative: 3_600 };

/**
 * named.conf and a file for each zone: one for each domain, one for each 256 IPv4 addresses and each /64 of IPv6
 * for the way back.
 * `serial` has to grow with every change: seconds since the epoch.
 */
export function renderBind(model: DnsModel, place: BindPlace, serial: number): BindFile[] {
  const { server, forwarders } = model;
  const [own] = namedIn([server]);
  const named = [...(own ? [own] : []), ...namedIn(model.names)];
  const nameServer = own ? `${own.labels[0] ?? 'ns'}.${own.domain}.` : 'localhost.';
  const zones = new Map<string, Set<string>>();
  const add = (zone: string, line: string): void => void zones.set(zone, (zones.get(zone) ?? new Set()).add(line));
  for (const one of named) {
    for (const label of one.labels) add(one.domain, `${label} IN ${isIP(one.ip) === 4 ? 'A' : 'AAAA'} ${one.ip}`);
    addReverse(one, add);
  }
  const sorted = [...zones].sort(([a], [b]) => byName(a, b));
  const files = sorted.map(([zone, lines]) => ({
    path: `${place.zones}/db.${zone}`,
    zone,
    content: zoneText(nameServer, serial, [...lines]),
  }));
  return [...files, { path: place.conf, content: configuration(files, forwarders, place.work) }];
}

/** One name for each address: the first. */
function addReverse({ ip, domain, labels }: Named, add: (zone: string, line: string) => void): void {
  const name = `${labels[0] ?? ''}.${domain}.`;
  const long = ipv6(ip);
  if (long !== undefined) {
    const { zone, label } = reverseName(long);
    add(zone, `${label} IN PTR ${name}`);
    return;
  }
  const [a, b, c, d] = ip.split('.');
  if (a === undefined || b === undefined || c === undefined || d === undefined) return;
  add(`${c}.${b}.${a}.in-addr.arpa`, `${d} IN PTR ${name}`);
}

function zoneText(nameServer: string, serial: number, lines: readonly string[]): string {
  const { ttl, refresh, retry, expire, negative } = times;
  return [
    ownMark(';', 'makedns'),
    `$TTL ${ttl}`,
    `@ IN SOA ${nameServer} root.${nameServer} ( ${serial} ${refresh} ${retry} ${expire} ${negative} )`,
    `@ IN NS ${nameServer}`,
    ...lines,
    '',
  ].join('\n');
}

function configuration(
  zones: readonly { readonly zone: string; readonly path: string }[],
  forwarders: readonly string[],
  work: string,
): string {
  return [
    ownMark('//', 'makedns'),
    'options {',
    `  directory "${work}";`,
    '  check-names master ignore;',
    '  allow-transfer { none; };',
    ...(forwarders.length === 0 ? [] : [`  forwarders { ${forwarders.map((one) => `${one};`).join(' ')} };`]),
    '};',
    ...zones.map(({ zone, path }) => `zone "${zone}" { type master; file "${path}"; };`),
    '',
  ].join('\n');
}
