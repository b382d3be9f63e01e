import { describe, expect, it } from 'vitest';
import { relayPlace } from '../../../../../agent/services/relay/place.ts';

const mac = '52:54:00:00:00:01';
const cards = [
  { name: 'eth0', mac, addresses: ['10.0.0.11/24', 'fe80::1/64'] },
  { name: 'eth1', mac: '52:54:00:00:00:02', addresses: ['10.1.0.1/16'] },
  { name: 'eth2', mac: '52:54:00:00:00:03', addresses: ['192.0.2.7/24'] },
];

describe('where a service node that booted carries links', () => {
  it('on the manager’s port, at its own address and where the nodes that it boots find it', () => {
    const served: string[] = [];
    const place = relayPlace(
      '10.0.0.1:7441',
      mac,
      () => served,
      () => cards,
    );
    expect(place?.at).toEqual([{ host: '0.0.0.0', port: 7441 }]);
    const open = (): string[] => ['10.0.0.11', '10.1.0.1', '192.0.2.7', ''].filter((one) => place?.mayEnter(one));
    expect(open()).toEqual(['10.0.0.11']);
    served.push('10.1.0.1');
    expect(open()).toEqual(['10.0.0.11', '10.1.0.1']);
  });

  it('nowhere where the manager is on the same machine', () => {
    expect(relayPlace('unix:/run/m.sock', mac, () => [])).toBeUndefined();
  });
});
