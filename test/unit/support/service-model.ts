import type { BootNode, BootServiceConfig } from '../../../shared/task/boot-apply.ts';
import type { DnsModel } from '../../../shared/services/dns.ts';

/** A boot service with two networks, one of them with a range for unknown machines. */
export const service: BootServiceConfig = {
  interfaces: ['lo'],
  httpPort: 8080,
  httpsPort: 7443,
  networks: [
    {
      name: 'main',
      net: '10.0.0.0',
      mask: '255.255.0.0',
      server: '10.0.0.1',
      gateway: '10.0.0.254',
      dynamicrange: '10.0.200.1-10.0.200.99',
      leaseSeconds: 43200,
    },
    {
      name: 'bmc',
      net: '10.9.0.0',
      mask: '255.255.255.0',
      server: '10.9.0.1',
      gateway: '',
      dynamicrange: '',
      leaseSeconds: 600,
    },
  ],
  domain: 'cluster.test',
  manager: '',
  authority: '',
  nameservers: ['192.0.2.53'],
};

/** So many nodes on the main network, the first of them with two cards. */
export function nodes(count: number): Record<string, BootNode> {
  const entries = Array.from({ length: count }, (_, at): [string, BootNode] => {
    const [high, low] = [Math.floor(at / 250), (at % 250) + 1];
    const mac = `52:54:00:00:${high.toString(16).padStart(2, '0')}:${low.toString(16).padStart(2, '0')}`;
    const macs = at === 0 ? [mac, '52:54:00:ff:00:01'] : [mac];
    return [`n${at}`, { macs, ip: `10.0.${high + 1}.${low}`, hostname: `n${at}`, profile: '' }];
  });
  return Object.fromEntries(entries);
}

export function names(count: number): DnsModel {
  const domain = 'cluster.test';
  return {
    domain,
    forwarders: ['192.0.2.53'],
    server: { ip: '10.0.0.1', name: 'mn', domain, others: [] },
    names: [
      ...Object.values(nodes(count)).map(({ hostname, ip }) => ({
        ip,
        name: hostname,
        domain,
        others: [`${hostname}-alias`],
      })),
      { ip: '10.5.0.1', name: 'fast_1', domain: 'fast.test', others: ['x.y.z', 'bad name', 'fast_1.fast.test'] },
      { ip: 'fd00::5', name: 'n0', domain, others: [] },
      { ip: '10.5.0.2', name: 'nodomain', domain: '', others: [] },
    ],
  };
}
