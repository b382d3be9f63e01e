import { inNetwork, ipv4, maskBits, maskOf } from '../../shared/boot/address.ts';
import { attribute } from '../../shared/objects/index.ts';
import { ipv6, ipv6Text, networkOf, prefixLength, staysOnLink } from '../../shared/services/ipv6.ts';
import { stanzaHeader, writeStanza } from '../../shared/stanza/index.ts';
import { type Asked, hasFlag } from '../../shared/verb/asked.ts';
import type { Change, Effect } from '../../shared/verb/effect.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { committed, failed, printed } from './tables/answers.ts';

interface Found {
  readonly name: string;
  readonly net: string;
  readonly mask: string;
  readonly mgtifname: string;
  /** Empty where the agent did not tell. */
  readonly mtu: string;
}

/** Defines the networks that the manager's machine has interfaces on, as its agent reported them. */
export const makenetworks: Verb<null> = {
  name: 'makenetworks',
  version: 1,
  changes: true,
  start(asked, known) {
    const agent = known.reported('agent', asked.server);
    if (agent === undefined) {
      return failed(
        asked,
        `Nothing is known of the interfaces of ${asked.server}: no agent of that name has joined. ` +
          'hostler-manager starts one unless it was told --no-agent',
      );
    }
    const nets = agent['agent.nets'] ?? '';
    if (nets === '') {
      return failed(
        asked,
        `The agent on ${asked.server} has not told of any interface with an address. If it has just joined, try again; ` +
          'see hostler agents',
      );
    }
    const found = networksIn(nets, agent['agent.mtus'] ?? '');
    if (hasFlag(asked, 'display') && asked.json)
      return end({ do: 'data', value: found.map((each) => ({ ...each })) }, { do: 'done', exit: 0 });
    if (hasFlag(asked, 'display')) return printed(stanzaHeader + found.map(stanza).join(''));
    const there = new Map([...known.rows('network')].map(([name]) => [name, addressOf(known, name)]));
    const changes: Change[] = [];
    const said: Effect[] = [];
    for (const network of found) {
      const taken = [...there].find(([name, same]) => name === network.name || sameNetwork(same, network))?.[0];
      if (taken !== undefined) said.push(exists(asked, network.name, taken));
      else changes.push({ type: 'network', name: network.name, values: columns(network), fresh: true });
    }
    return committed(asked, known, changes, said);
  },
};

/** `eth0=10.0.0.1/16 eth0=fd77::1/64`, one word an address, and `eth0=1500`, one an interface. */
function networksIn(nets: string, mtus: string): Found[] {
  const mtuOf = new Map(mtus.split(' ').map((word) => [word.replace(/=.*/, ''), word.replace(/.*=/, '')]));
  const found = new Map<string, Found>();
  for (const word of nets.split(' ')) {
    const [, mgtifname = '', address = '', prefix = ''] = /^(.+?)=([^/]+)\/(\d+)$/.exec(word) ?? [];
    const network = address.includes(':') ? network6(address, prefix) : network4(address, prefix);
    if (network === undefined) continue;
    const name = `${network.net}-${network.mask}`.replace(/[.:]/g, '_');
    if (!found.has(name)) found.set(name, { ...network, name, mgtifname, mtu: mtuOf.get(mgtifname) ?? '' });
  }
  return [...found.values()];
}

type Addresses = Pick<Found, 'net' | 'mask'>;

/** Nobody else is on a network of one or two addresses. */
function network4(address: string, prefix: string): Addresses | undefined {
  const [value, bits] = [ipv4(address), maskBits(prefix)];
  if (value === undefined || bits === undefined || bits > 30) return undefined;
  const size = 2 ** (32 - bits);
  return { net: dotted(Math.floor(value / size) * size), mask: maskOf(bits) };
}

function network6(address: string, prefix: string): Addresses | undefined {
  const [value, bits] = [ipv6(address), prefixLength(prefix)];
  if (value === undefined || bits === undefined || bits > 126 || staysOnLink(value)) return undefined;
  return { net: ipv6Text(networkOf(value, bits)), mask: String(bits) };
}

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

function addressOf(known: View, name: string): Addresses {
  const value = (attr: string): string => attribute(known, 'network', name, attr)?.value ?? '';
  return { net: value('net'), mask: value('mask') };
}

function sameNetwork(one: Addresses, other: Found): boolean {
  if (!other.net.includes(':')) {
    return maskBits(one.mask) === maskBits(other.mask) && inNetwork(one.net, other.net, other.mask);
  }
  const [value, bits] = [ipv6(one.net), prefixLength(one.mask)];
  return value !== undefined && String(bits) === other.mask && ipv6Text(networkOf(value, bits ?? 0)) === other.net;
}

function attributes({ net, mask, mgtifname, mtu }: Found): [string, string][] {
  return [
    ['gateway', '<xcatmaster>'],
    ['mask', mask],
    ['mgtifname', mgtifname],
    ...(mtu === '' ? [] : [['mtu', mtu] satisfies [string, string]]),
    ['net', net],
    ['tftpserver', '<xcatmaster>'],
  ];
}

function columns(network: Found): Record<string, string> {
  return Object.fromEntries(attributes(network).map(([attr, value]) => [`networks.${attr}`, value]));
}

function stanza(network: Found): string {
  return writeStanza(network.name, 'network', attributes(network));
}

function exists(asked: Asked, name: string, taken: string): Effect {
  const text = `Warning: [${asked.server}]: The network entry '${name}' already exists, as '${taken}'. It stays as it is.\n`;
  return { do: 'say', text, error: true };
}
