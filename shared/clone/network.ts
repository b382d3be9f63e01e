import type { NetworkKind } from './facts.ts';
import type { CloneNode } from './node.ts';

/** A file of the installed system. */
export interface CloneFile {
  /** Absolute. */
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

/**
 * The network of the node as the registry has it, in the form that this system reads. The card is known by its MAC:
 * names of cards depend on the machine. `away`: what configured the captured machine's cards.
 */
export function networkFiles(kind: NetworkKind, node: CloneNode): { files: CloneFile[]; away: string[] } {
  const writer = writers[kind];
  return writer === undefined ? { files: [], away: [] } : { files: writer.files(node), away: [...writer.away] };
}

interface Writer {
  readonly away: readonly string[];
  readonly files: (node: CloneNode) => CloneFile[];
}

const own = '# Written by Hostler from the registry when this machine was installed.\n';

const writers: Readonly<Partial<Record<NetworkKind, Writer>>> = {
  ifupdown: {
    away: ['/etc/network/interfaces', '/etc/network/interfaces.d/*'],
    files: (node) => [
      {
        path: '/etc/network/interfaces',
        mode: 0o644,
        // interfaces(5), ifup(8): whatever card has this MAC gets the settings called "boot". Only names begin with a slash.
        text: `${own}auto lo
iface lo inet loopback

auto mac/${node.mac}=boot
iface boot inet static
    address ${node.ip}/${node.bits}
${node.gateway === '' ? '' : `    gateway ${node.gateway}\n`}${node.nameservers.length === 0 ? '' : `    dns-nameservers ${node.nameservers.join(' ')}\n`}${node.domain === '' ? '' : `    dns-search ${node.domain}\n`}`,
      },
      ...resolver(node),
    ],
  },
  networkd: {
    away: ['/etc/systemd/network/*.network'],
    files: (node) => [
      {
        path: '/etc/systemd/network/10-hostler.network',
        mode: 0o644,
        text: `${own}[Match]
PermanentMACAddress=${node.mac}

[Network]
Address=${node.ip}/${node.bits}
${node.gateway === '' ? '' : `Gateway=${node.gateway}\n`}${node.nameservers.map((one) => `DNS=${one}\n`).join('')}${node.domain === '' ? '' : `Domains=${node.domain}\n`}`,
      },
      ...resolver(node),
    ],
  },
  netplan: {
    away: ['/etc/netplan/*.yaml'],
    files: (node) => [
      {
        path: '/etc/netplan/50-hostler.yaml',
        mode: 0o600,
        text: `${own}network:
  version: 2
  ethernets:
    boot:
      match:
        macaddress: "${node.mac}"
      addresses: ["${node.ip}/${node.bits}"]
${node.gateway === '' ? '' : `      routes: [{to: default, via: "${node.gateway}"}]\n`}${
          node.nameservers.length === 0
            ? ''
            : `      nameservers:
        addresses: [${node.nameservers.map((one) => `"${one}"`).join(', ')}]
${node.domain === '' ? '' : `        search: ["${node.domain}"]\n`}`
        }`,
      },
    ],
  },
  networkmanager: {
    away: ['/etc/NetworkManager/system-connections/*', '/etc/sysconfig/network-scripts/ifcfg-*'],
    files: (node) => [
      {
        path: '/etc/NetworkManager/system-connections/hostler.nmconnection',
        mode: 0o600,
        text: `${own}[connection]
id=hostler
type=ethernet
autoconnect-priority=10

[ethernet]
mac-address=${node.mac.toUpperCase()}

[ipv4]
method=manual
address1=${node.ip}/${node.bits}${node.gateway === '' ? '' : `,${node.gateway}`}
${node.nameservers.length === 0 ? '' : `dns=${node.nameservers.map((one) => `${one};`).join('')}\n`}${node.domain === '' ? '' : `dns-search=${node.domain};\n`}
[ipv6]
method=auto
`,
      },
    ],
  },
  ifcfg: {
    away: ['/etc/sysconfig/network-scripts/ifcfg-e*'],
    files: (node) => [
      {
        path: '/etc/sysconfig/network-scripts/ifcfg-hostler',
        mode: 0o644,
        text: `${own}NAME=hostler
HWADDR=${node.mac.toUpperCase()}
ONBOOT=yes
BOOTPROTO=none
IPADDR=${node.ip}
PREFIX=${node.bits}
${node.gateway === '' ? '' : `GATEWAY=${node.gateway}\n`}${node.nameservers.map((one, index) => `DNS${index + 1}=${one}\n`).join('')}${node.domain === '' ? '' : `DOMAIN=${node.domain}\n`}`,
      },
    ],
  },
};

/** Where no service keeps /etc/resolv.conf, it is a file; a link belongs to such a service. See `put_plain` of the installer. */
function resolver(node: CloneNode): CloneFile[] {
  if (node.nameservers.length === 0) return [];
  const search = node.domain === '' ? '' : `search ${node.domain}\n`;
  return [
    {
      path: '/etc/resolv.conf',
      mode: 0o644,
      text: `${own}${search}${node.nameservers.map((one) => `nameserver ${one}\n`).join('')}`,
    },
  ];
}
