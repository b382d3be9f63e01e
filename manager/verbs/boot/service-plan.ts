import { addressRange, isIpv4 } from '../../../shared/boot/address.ts';
import { attribute, attributesOf, commaList } from '../../../shared/objects/index.ts';
import type { BootNetwork, BootServiceConfig } from '../../../shared/task/boot-apply.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { View } from '../../../shared/verb/view.ts';
import { serversOf, type Served, type Trouble } from './node-plan.ts';
import { networkOf, networksOf, resolved, type Network } from './networks.ts';
import { defaultServer, interfacesFor, placeOf } from './servers.ts';

/** What boot servers need to know of the whole cluster; computed once a command. */
export interface Cluster {
  readonly networks: readonly Network[];
  readonly master: string;
  site(key: string): string;
  /** HOST:PORT by which nodes reach the manager, and the fingerprint of its authority; empty where unknown. */
  readonly manager: string;
  readonly authority: string;
  /** Every service node that some node names. */
  readonly serviceNodes: ReadonlySet<string>;
  /** By server: the networks that it serves, with its address as nodes there see it. */
  readonly areas: ReadonlyMap<string, ReadonlyMap<Network, string>>;
}

export function clusterOf(known: View): Cluster {
  const networks = networksOf(known);
  const values = attributesOf(known, 'site', 'clustersite');
  const site = (key: string): string => values.get(key)?.value ?? '';
  const master = site('master');
  const self = known.reported('manager', 'self') ?? {};
  const serviceNodes = new Set<string>();
  const areas = new Map<string, Map<Network, string>>();
  const covers = (server: string, network: Network, words: readonly string[]): void => {
    const area = areas.get(server) ?? new Map<Network, string>();
    areas.set(server, area);
    const address = words.map((word) => resolved(known, word)).find((found) => found !== undefined);
    if (address !== undefined && !area.has(network)) area.set(network, address);
  };
  for (const [name] of known.rows('node')) {
    const value = (attr: string): string => attribute(known, 'node', name, attr)?.value ?? '';
    const servers = serversOf(value('servicenode'));
    for (const server of servers) if (server !== defaultServer) serviceNodes.add(server);
    const network = networkOf(networks, value('ip'));
    if (!network) continue;
    for (const server of servers) {
      if (areas.get(server)?.has(network) === true) continue;
      covers(server, network, [network.tftpserver, value('tftpserver'), value('xcatmaster'), master]);
    }
  }
  // Addresses for machines nobody knows are handed out also where no node stands yet.
  for (const network of networks) {
    if (network.dynamicrange === '' || [...areas.values()].some((area) => area.has(network))) continue;
    const owner =
      network.dhcpserver !== '' && known.has('node', network.dhcpserver) ? network.dhcpserver : defaultServer;
    covers(owner, network, [network.tftpserver, master]);
  }
  return {
    networks,
    master,
    site,
    manager: reachable(self['manager.listen'] ?? '', resolved(known, master)),
    authority: self['manager.authority'] ?? '',
    serviceNodes,
    areas,
  };
}

/** `HOST:PORT` that nodes can use: a manager that listens everywhere is where site.master is. */
function reachable(listen: string, master: string | undefined): string {
  const match = /^(.*):(\d+)$/.exec(listen);
  const [, host = '', port = ''] = match ?? [];
  if (port === '') return '';
  const everywhere = ['', '0.0.0.0', '[::]', '::'].includes(host);
  return everywhere ? (master === undefined ? '' : `${master}:${port}`) : `${host}:${port}`;
}

/** The configuration of one boot server, or what is missing for it. */
export function serviceOf(
  asked: Pick<Asked, 'server'>,
  known: View,
  cluster: Cluster,
  server: string,
  nodes: readonly Served[],
): BootServiceConfig | Trouble {
  const { agent = '' } = placeOf(known, server, cluster.serviceNodes);
  const names = server === defaultServer ? ['mn', 'xcatmn', asked.server, cluster.master, agent] : [agent];
  const interfaces = interfacesFor(
    known,
    cluster.site('dhcpinterfaces'),
    server,
    names.filter((name) => name !== ''),
  );
  if (interfaces.length === 0) {
    const whose = server === defaultServer ? 'the boot server' : `the service node ${server}`;
    return {
      trouble:
        `site.dhcpinterfaces names no interface of ${whose}, so nothing would be served: ` +
        "chdef -t site dhcpinterfaces='mn|eth1' (or eth1 alone)",
    };
  }
  const area = new Map(cluster.areas.get(server));
  for (const { network, address } of nodes) area.set(network, address);
  const addresses = [...area.values()];
  return {
    interfaces,
    httpPort: portOf(cluster.site('httpport'), 80),
    httpsPort: portOf(cluster.site('httpsport'), 7443),
    networks: [...area].map(([network, address]) => networkConfig(cluster, network, address)),
    domain: cluster.site('domain'),
    manager: cluster.manager,
    authority: cluster.authority,
    nameservers: forwarders(cluster, addresses),
    ...(server !== defaultServer && postscriptsOf(known, cluster)),
  };
}

/** The site's postscripts are where the manager's own nodes get theirs; a service node hands them on. */
function postscriptsOf(known: View, cluster: Cluster): Pick<BootServiceConfig, 'postscripts'> {
  const { agent } = placeOf(known, defaultServer, cluster.serviceNodes);
  if (agent === undefined) return {};
  const endpoints = httpsEndpoints(known, agent);
  return endpoints.length === 0 ? {} : { postscripts: { agent, endpoints } };
}

/** Where machines elsewhere reach the store of an agent. */
export function httpsEndpoints(known: View, agent: string): string[] {
  const all = commaList(known.reported('agent', agent)?.['agent.store'] ?? '');
  return all.filter((one) => one.startsWith('https://'));
}

function networkConfig(cluster: Cluster, network: Network, server: string): BootNetwork {
  const lease = Number(cluster.site('dhcplease'));
  return {
    name: network.name,
    net: network.net,
    mask: network.mask,
    server,
    gateway: isIpv4(network.gateway) ? network.gateway : network.gateway === '<xcatmaster>' ? server : '',
    dynamicrange: addressRange(network.dynamicrange) ? network.dynamicrange : '',
    leaseSeconds: Number.isSafeInteger(lease) && lease >= 120 ? lease : 43_200,
  };
}

/** Who answers what our own DNS does not know: site.forwarders, and name servers that are not ourselves. */
function forwarders(cluster: Cluster, own: readonly string[]): string[] {
  const words = [...commaList(cluster.site('forwarders')), ...commaList(cluster.site('nameservers'))];
  return [...new Set(words.map((word) => word.trim()))]
    .filter((word) => isIpv4(word) && !own.includes(word) && word !== cluster.master)
    .slice(0, 16);
}

function portOf(text: string, usual: number): number {
  const port = Number(text);
  return Number.isSafeInteger(port) && port > 0 && port < 65_536 ? port : usual;
}
