import { HostlerError } from '../errors/error.ts';
import type { BootNetwork, BootNode, BootServiceConfig } from '../task/boot-apply.ts';
import { addressRange, httpBase, maskBits, maskOf } from './address.ts';

/** Absolute paths that dnsmasq reads and writes. */
export interface DnsmasqFiles {
  readonly hosts: string;
  readonly names: string;
  readonly leases: string;
  readonly pid: string;
  readonly tftp: string;
}

/** An interface that has a private IPv6 network of ours, announced so that iPXE need not wait 16 s for a router. */
export interface Announced {
  readonly interface: string;
  /** `fd12:3456:789a::` */
  readonly prefix: string;
}

/**
 * dnsmasq.conf for a boot server (facts: real-lab.md "Network boot"). All values were checked by checkBootApply;
 * paths are checked here.
 */
export function renderDnsmasq(
  service: BootServiceConfig,
  files: DnsmasqFiles,
  announced: readonly Announced[],
): string {
  for (const path of Object.values(files) as string[]) {
    if (/^\/[\w./@+=-]*$/.test(path)) continue;
    throw new HostlerError(
      'invalid_argument',
      `dnsmasq cannot take the path ${JSON.stringify(path)}. Use a plainer one.`,
    );
  }
  return [
    'keep-in-foreground',
    'user=root',
    'log-facility=-',
    'log-dhcp',
    `pid-file=${files.pid}`,
    ...service.interfaces.map((name) => `interface=${name}`),
    'except-interface=lo',
    'bind-interfaces',
    '',
    'no-resolv',
    'no-hosts',
    'no-poll',
    'domain-needed',
    'bogus-priv',
    `addn-hosts=${files.names}`,
    ...(service.domain === '' ? [] : [`domain=${service.domain}`, `local=/${service.domain}/`, 'expand-hosts']),
    ...service.nameservers.map((server) => `server=${server}`),
    '',
    'dhcp-authoritative',
    'dhcp-ignore-clid',
    'no-ping',
    `dhcp-leasefile=${files.leases}`,
    `dhcp-hostsfile=${files.hosts}`,
    ...service.networks.flatMap((network, index) => networkLines(network, `net${index}`, service.httpPort)),
    '',
    'enable-tftp',
    `tftp-root=${files.tftp}`,
    'dhcp-match=set:ipxe,175',
    'dhcp-match=set:efi64,option:client-arch,7',
    'dhcp-match=set:efi64,option:client-arch,9',
    'dhcp-match=set:efihttp,option:client-arch,16',
    'dhcp-option-force=tag:efihttp,60,HTTPClient',
    ...announcements(announced),
    '',
  ].join('\n');
}

function networkLines(network: BootNetwork, tag: string, httpPort: number): string[] {
  const mask = maskOf(maskBits(network.mask) ?? 24);
  const range = addressRange(network.dynamicrange);
  const { server, gateway, leaseSeconds } = network;
  const base = httpBase(server, httpPort);
  return [
    range
      ? `dhcp-range=set:${tag},${range[0]},${range[1]},${mask},${leaseSeconds}`
      : `dhcp-range=set:${tag},${network.net},static,${mask},${leaseSeconds}`,
    ...(range ? [] : [`dhcp-ignore=tag:${tag},tag:!known`]),
    // An empty option 3 keeps dnsmasq from naming itself as the router.
    gateway === '' ? `dhcp-option=tag:${tag},option:router` : `dhcp-option=tag:${tag},option:router,${gateway}`,
    `dhcp-option=tag:${tag},option:dns-server,${server}`,
    `dhcp-boot=tag:${tag},tag:ipxe,${base}/boot.ipxe`,
    `dhcp-boot=tag:${tag},tag:!ipxe,tag:efi64,snponly.efi,,${server}`,
    `dhcp-boot=tag:${tag},tag:!ipxe,tag:efihttp,${base}/snponly.efi`,
    `dhcp-boot=tag:${tag},tag:!ipxe,tag:!efi64,tag:!efihttp,undionly.kpxe,,${server}`,
  ];
}

/** Router life time 0: nobody takes this server for a way out. Addresses that machines make of it last ten minutes. */
function announcements(announced: readonly Announced[]): string[] {
  if (announced.length === 0) return [];
  return [
    '',
    'enable-ra',
    ...announced.flatMap(({ interface: name, prefix }) => [
      `ra-param=${name},60,0`,
      `dhcp-range=${prefix},ra-only,64,600`,
    ]),
  ];
}

/** The hosts file: MACs, address, name. Sorted, so that equal states give equal files. */
export function renderHosts(nodes: Readonly<Record<string, BootNode>>): string {
  return lines(nodes, (node) => (node.macs.length === 0 ? '' : [...node.macs, node.ip, node.hostname].join(',')));
}

/** Names for DNS, in the form of /etc/hosts. */
export function renderNames(nodes: Readonly<Record<string, BootNode>>): string {
  return lines(nodes, (node) => `${node.ip} ${node.hostname}`);
}

function lines(nodes: Readonly<Record<string, BootNode>>, render: (node: BootNode) => string): string {
  return Object.keys(nodes)
    .sort()
    .map((name) => nodes[name])
    .map((node) => (node ? render(node) : ''))
    .filter((line) => line !== '')
    .map((line) => `${line}\n`)
    .join('');
}
