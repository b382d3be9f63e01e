import { addressRange, inNetwork, ipv4, isHostName, maskBits } from '../boot/address.ts';
import type { BootNetwork, BootNode, BootServiceConfig } from '../task/boot-apply.ts';

import { bootFiles } from './boot-files.ts';
import { ownMark } from './own-mark.ts';

/**
 * kea-dhcp4.conf for the networks and nodes of a boot server. Nodes outside of all networks are left out. Kea tells
 * iPXE from firmware by classes, which know no network: iPXE itself puts the server's address into the URL.
 */
export function renderKea(
  service: BootServiceConfig,
  nodes: Readonly<Record<string, BootNode>>,
  leases: string,
): string {
  const sorted = [...Object.values(nodes)].sort((a, b) => (ipv4(a.ip) ?? 0) - (ipv4(b.ip) ?? 0));
  const byNetwork = service.networks.map((network) => ({
    network,
    nodes: sorted.filter(({ ip }) => inNetwork(ip, network.net, network.mask)),
  }));
  const config = {
    Dhcp4: {
      'interfaces-config': { interfaces: [...service.interfaces] },
      'lease-database': { type: 'memfile', persist: true, name: leases },
      authoritative: true,
      'match-client-id': false,
      'host-reservation-identifiers': ['hw-address'],
      // A node with several cards has one address, whichever card boots.
      ...(sorted.some(({ macs }) => macs.length > 1) && { 'ip-reservations-unique': false }),
      'client-classes': classes(service.httpPort),
      'option-data': isHostName(service.domain) ? [{ name: 'domain-name', data: service.domain }] : [],
      subnet4: byNetwork.map(({ network, nodes: its }, at) => subnet(network, its, at + 1)),
    },
  };
  return `${ownMark('//', 'makedhcp')}\n${JSON.stringify(config, undefined, 2)}\n`;
}

function classes(httpPort: number): object[] {
  const files = bootFiles('${next-server}', httpPort);
  const http = 'option[93].hex == 0x0010';
  return [
    { name: 'ipxe', test: 'option[175].exists', 'boot-file-name': files.ipxe },
    {
      name: 'efi64',
      test: "not member('ipxe') and (option[93].hex == 0x0007 or option[93].hex == 0x0009)",
      'boot-file-name': files.efi,
    },
    {
      name: 'bios',
      test: `not member('ipxe') and not member('efi64') and not (${http})`,
      'boot-file-name': files.bios,
    },
  ];
}

function subnet(network: BootNetwork, nodes: readonly BootNode[], id: number): object {
  const { net, mask, gateway, server, leaseSeconds } = network;
  const range = addressRange(network.dynamicrange);
  return {
    id,
    subnet: `${net}/${maskBits(mask) ?? 24}`,
    'next-server': server,
    'valid-lifetime': leaseSeconds,
    pools: range === undefined ? [] : [{ pool: `${range[0]} - ${range[1]}` }],
    'option-data': [
      ...(gateway === '' ? [] : [{ name: 'routers', data: gateway }]),
      { name: 'domain-name-servers', data: server },
    ],
    reservations: nodes.flatMap(({ macs, ip, hostname }) =>
      macs.map((mac) => ({ 'hw-address': mac, 'ip-address': ip, hostname })),
    ),
  };
}
