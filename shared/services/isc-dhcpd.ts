import { addressRange, isHostName, maskBits, maskOf } from '../boot/address.ts';
import type { BootNetwork, BootNode, BootServiceConfig } from '../task/boot-apply.ts';
import { bootFiles } from './boot-files.ts';
import { ownMark } from './own-mark.ts';

/** dhcpd.conf for the networks and nodes of a boot server. Which interfaces it serves stands on dhcpd's command line. */
export function renderDhcpd(service: BootServiceConfig, nodes: Readonly<Record<string, BootNode>>): string {
  return [
    ownMark('#', 'makedhcp'),
    '',
    'authoritative;',
    'ddns-update-style none;',
    'ignore-client-uids true;',
    'option client-arch code 93 = unsigned integer 16;',
    'option ipxe-encapsulated code 175 = string;',
    ...(isHostName(service.domain) ? [`option domain-name "${service.domain}";`] : []),
    ...service.networks.flatMap((network) => subnet(network, service.httpPort)),
    '',
    ...Object.keys(nodes)
      .sort()
      .flatMap((name) => host(nodes[name])),
    '',
  ].join('\n');
}

function subnet(network: BootNetwork, httpPort: number): string[] {
  const { name, net, mask, gateway, server, leaseSeconds } = network;
  const range = addressRange(network.dynamicrange);
  const files = bootFiles(server, httpPort);
  return [
    '',
    `# ${name.replace(/[^\x20-\x7e]/g, '?')}`,
    `subnet ${net} netmask ${maskOf(maskBits(mask) ?? 24)} {`,
    ...(range === undefined ? [] : [`  range ${range[0]} ${range[1]};`]),
    `  default-lease-time ${leaseSeconds};`,
    `  max-lease-time ${leaseSeconds};`,
    `  next-server ${server};`,
    `  option domain-name-servers ${server};`,
    ...(gateway === '' ? [] : [`  option routers ${gateway};`]),
    '  if exists ipxe-encapsulated {',
    `    filename "${files.ipxe}";`,
    '  } elsif option client-arch = 7 or option client-arch = 9 {',
    `    filename "${files.efi}";`,
    '  } else {',
    `    filename "${files.bios}";`,
    '  }',
    '}',
  ];
}

/** One declaration a card: dhcpd takes one address of hardware for each. */
function host(node: BootNode | undefined): string[] {
  return (node?.macs ?? []).map((mac, at) => {
    const { hostname = '', ip = '' } = node ?? {};
    const name = at === 0 ? hostname : `${hostname}-card${at + 1}`;
    return `host ${name} { hardware ethernet ${mac}; fixed-address ${ip}; option host-name "${hostname}"; }`;
  });
}
