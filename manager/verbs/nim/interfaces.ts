import { BlockList, isIPv6 } from 'node:net';
import { inNetwork } from '../../../shared/boot/address.ts';
import { attribute, attributesOf, objectNames, shownNics } from '../../../shared/objects/index.ts';
import type { NimNetworksSpec, NimPairs } from '../../../shared/task/nim.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Requirement } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { nicAddresses } from '../services/host-entries.ts';
import { shortName, site } from './common.ts';

interface Network {
  readonly name: string;
  readonly net: string;
  readonly mask: string;
  readonly gateway: string;
  /** The manager's interface there (makenetworks); `!remote!<if>`: it has none. */
  readonly mgtifname: string;
}

/** A network as the agent is to make it known to NIM. */
export type NimNetwork = NimNetworksSpec['networks'][number];

/** One of `mac1!host1|mac2!host2`; `host` is empty where none is said. */
interface Mac {
  readonly mac: string;
  readonly host: string;
}

interface Further {
  readonly interfaces: readonly (readonly [host: string, value: string])[];
  readonly networks: readonly NimNetwork[];
}

const isHfi = (name: string): boolean => /^hf(i?\d|i$)/i.test(name);

export function networkNamed(known: View, name: string): Network {
  const value = (attr: string): string => attribute(known, 'network', name, attr)?.value ?? '';
  return { name, net: value('net'), mask: value('mask'), gateway: value('gateway'), mgtifname: value('mgtifname') };
}

export function networkOf(known: View, ip: string): Network | undefined {
  for (const name of objectNames(known, 'network')) {
    const network = networkNamed(known, name);
    if (inNetwork(ip, network.net, network.mask) || inNetwork6(ip, network)) return network;
  }
  return undefined;
}

/** Networks of IPv6 have a prefix length for a mask. */
function inNetwork6(ip: string, { net, mask }: Network): boolean {
  const bits = Number(mask.replace(/^\//, '') || 'none');
  if (!isIPv6(ip) || !isIPv6(net) || !Number.isInteger(bits) || bits < 0 || bits > 128) return false;
  const list = new BlockList();
  list.addSubnet(net, bits, 'ipv6');
  return list.check(ip, 'ipv6');
}

/** `<xcatmaster>` stands for the managing server. */
export function gatewayOf(known: View, network: Network): string {
  return network.gateway === '<xcatmaster>' ? site(known, 'master') : network.gateway;
}

/**
 * NIM's word for the kind of network: an open question (docs/nim-open-questions.md). xCAT calls those of IPv6 ent6
 * (NIM facts, section 1). `nic`: a card of a node that lies in it.
 */
export function networkType(network: Network, nic = ''): string {
  if (isIPv6(network.net)) return 'ent6';
  return isHfi(network.mgtifname.replace('!remote!', '')) || isHfi(nic) ? 'hfi' : 'ent';
}

/** What xCAT writes for the card that a node is installed through (NIM facts, 9.3). */
export function firstAdapter(type: string): string {
  return type === 'hfi' ? 'hfi0' : 'ent';
}

/** The logical adapter behind an interface of AIX: en1 is ent1, hf0 is hfi0. */
function adapterOf(nic: string, type: string): string {
  const [, kind = '', number = ''] = /^(en|hf)[ti]?(\d+)$/i.exec(nic) ?? [];
  if (kind !== '') return `${kind.toLowerCase() === 'en' ? 'ent' : 'hfi'}${number}`;
  return firstAdapter(type);
}

/**
 * Cards of the node besides the one with its own address, as NIM is to know them: `<network> <host> <MAC|0>
 * <adapter>`, the first address of each. Where no network is defined, there is nothing that NIM could be told.
 */
export function furtherInterfaces(known: View, node: string, macs: readonly Mac[], master: string): Further {
  const own = attribute(known, 'node', node, 'ip')?.value ?? '';
  const types = new Map(
    shownNics(attributesOf(known, 'node', node).get('nictypes')?.value ?? '', node).map(({ nic, value }) => [
      nic,
      value.split('|')[0] ?? '',
    ]),
  );
  const interfaces: [string, string][] = [];
  const networks = new Map<string, NimNetwork>();
  for (const { nic, ip, at, name, network: named } of nicAddresses(known, node)) {
    if (at !== 0 || ip === own) continue;
    const network = known.has('network', named) ? networkNamed(known, named) : networkOf(known, ip);
    if (network === undefined || network.net === '' || network.mask === '') continue;
    const type = networkType(network, isHfi(types.get(nic) ?? '') ? 'hfi' : nic);
    const host = shortName(name);
    const mac = macs.find((one) => one.host !== '' && shortName(one.host) === host)?.mac ?? '0';
    interfaces.push([host, `${network.name} ${host} ${mac} ${adapterOf(nic, type)}`]);
    networks.set(network.name, nimNetwork(known, network, type, master));
  }
  return { interfaces, networks: [...networks.values()] };
}

export function nimNetwork(known: View, network: Network, type: string, master: string): NimNetwork {
  const { name, net, mask } = network;
  return { name, net, mask, type, gateway: gatewayOf(known, network), masterHost: masterHost(known, network, master) };
}

/** By a card that its definition has there; for the manager by what makenetworks saw. Empty: no interface there. */
function masterHost(known: View, network: Network, master: string): string {
  if (known.has('node', master)) {
    const own = attribute(known, 'node', master, 'ip')?.value ?? '';
    if (networkOf(known, own)?.name === network.name) return shortName(master);
    const there = nicAddresses(known, master).find(({ ip }) => networkOf(known, ip)?.name === network.name);
    if (there !== undefined) return shortName(there.name);
  }
  return network.mgtifname === '' || network.mgtifname.startsWith('!remote!') ? '' : shortName(master);
}

/** Who serves this work, as nodes call it: the agent that was asked for, else the machine of the manager. */
export function masterName(asked: Asked, on: Requirement): string {
  return on.agent ?? asked.server;
}

/** A network of which nobody says the kind is one of HFI when a node has such a card in it. */
export function networkKind(known: View, network: Network): string {
  const type = networkType(network);
  if (type !== 'ent') return type;
  const nic = objectNames(known, 'node')
    .filter((node) => attribute(known, 'node', node, 'nicips') !== undefined)
    .flatMap((node) => nicAddresses(known, node))
    .find(({ nic: card, ip, network: named }) => isHfi(card) && (named || networkOf(known, ip)?.name) === network.name);
  return networkType(network, nic?.nic);
}

/** `mac1!host1|mac2!*NOIP*`: the ones with an address, without colons. */
export function macsOf(text: string): Mac[] {
  return text
    .split('|')
    .map((part) => part.split('!'))
    .filter(([mac = '', host]) => mac !== '' && host !== '*NOIP*')
    .map(([mac = '', host = '']) => ({ mac: mac.replaceAll(/[:.-]/g, '').toLowerCase(), host }));
}

/** `if1`, `if2` ... in that order, with the cable type that NIM wants beside each. */
export function numbered(values: readonly string[]): NimPairs {
  return values.flatMap((value, index): NimPairs => {
    const number = String(index + 1);
    return [[`if${number}`, value], ...(index === 0 ? [] : ([[`cable_type${number}`, 'N/A']] as const))];
  });
}
