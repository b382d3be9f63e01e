import { describe, expect, it } from 'vitest';
import { Lookup, type Found } from '../../../../../agent/services/boot/lookup.ts';
import type { BootState } from '../../../../../agent/services/boot/state.ts';
import type { Address } from '../../../../../agent/store/server.ts';

const network = (net: string, mask: string, server: string) => ({
  name: net,
  net,
  mask,
  server,
  gateway: '',
  dynamicrange: '',
  leaseSeconds: 600,
});

const state: BootState = {
  generation: 1,
  nodes: Object.fromEntries(
    ['10.1.0.7', '10.2.0.7', '10.9.0.7'].map((ip, number) => [
      `n${String(number)}`,
      { macs: [`52:54:00:00:00:0${String(number)}`], ip, hostname: `n${String(number)}`, profile: 'p' },
    ]),
  ),
  profiles: { p: { state: 'netboot', ipxe: '', authorise: true } },
  retired: {},
  service: {
    interfaces: ['eth0'],
    httpPort: 80,
    httpsPort: 7443,
    // The second one is behind a router; its machines see this server at an address of the first.
    networks: [network('10.1.0.0', '255.255.0.0', '10.1.0.1'), network('10.2.0.0', '255.255.0.0', '10.1.0.1')],
    domain: '',
    manager: '192.0.2.1:7440',
    authority: '',
    nameservers: [],
  },
};

const told = (relay?: readonly Address[]): string[] => {
  const lookup = new Lookup(state, relay);
  return [0, 1, 2].map((number) => lookup.managerFor(lookup.byMac(`52:54:00:00:00:0${String(number)}`) as Found));
};

describe('where a node is told that the manager is', () => {
  it('where the manager said, as long as the boot server is no relay', () => {
    expect(told()).toEqual(Array(3).fill('192.0.2.1:7440'));
  });

  it('at the boot server itself where it is a relay for the node’s network', () => {
    const everywhere = [{ host: '0.0.0.0', port: 7441 }];
    expect(told(everywhere)).toEqual(['10.1.0.1:7441', '10.1.0.1:7441', '192.0.2.1:7440']);
    expect(told([{ host: '10.1.0.1', port: 7442 }])).toEqual(['10.1.0.1:7442', '10.1.0.1:7442', '192.0.2.1:7440']);
    const beside = [
      { host: '172.16.0.1', port: 7443 },
      { host: '10.2.0.9', port: 7444 },
    ];
    expect(told(beside)).toEqual(['192.0.2.1:7440', '10.2.0.9:7444', '192.0.2.1:7440']);
  });
});
