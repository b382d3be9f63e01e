import { describe, expect, it } from 'vitest';
import { merge, type BootState } from '../../../../../agent/services/boot/state.ts';
import { DnsmasqLog } from '../../../../../agent/services/boot/dnsmasq-log.ts';
import type { BootApplySpec, BootNode, BootProfile } from '../../../../../shared/task/boot-apply.ts';

const service: BootApplySpec['service'] = {
  interfaces: ['eth0'],
  httpPort: 80,
  httpsPort: 7443,
  networks: [
    { name: 'n', net: '10.0.0.0', mask: '/8', server: '10.0.0.1', gateway: '', dynamicrange: '', leaseSeconds: 600 },
  ],
  domain: '',
  manager: '',
  authority: '',
  nameservers: [],
};
const profile = (letter: string): BootProfile => ({
  state: letter,
  ipxe: '#!ipxe\n',
  authorise: true,
  kernel: letter.repeat(64),
});
const node = (number: number, key: string): BootNode => ({
  macs: [`52:54:00:00:00:0${number}`],
  ip: `10.0.0.${number}`,
  hostname: `n${number}`,
  profile: key,
});

function apply(before: BootState | undefined, spec: Partial<BootApplySpec>, now = 0): ReturnType<typeof merge> {
  return merge(before, { service, nodes: {}, profiles: {}, blobs: [], allNodes: false, ...spec }, now);
}

describe('merge', () => {
  const { state: first } = apply(undefined, {
    nodes: { n1: node(1, 'p'), n2: node(2, 'p') },
    profiles: { p: profile('a') },
  });

  it('leaves nodes that are not named, also when other profiles use the same key', () => {
    const { state } = apply(first, { nodes: { n2: node(2, 'p') }, profiles: { p: profile('b') } });
    const profileOf = (name: string): BootProfile | undefined => state.profiles[state.nodes[name]?.profile ?? ''];
    expect(profileOf('n1')).toEqual(profile('a'));
    expect(profileOf('n2')).toEqual(profile('b'));
    expect(state.generation).toBe(2);
  });

  it('keeps files of boots under way for an hour, and then no more', () => {
    const changed = { nodes: { n1: node(1, 'p'), n2: node(2, 'p') }, profiles: { p: profile('b') } };
    const { state } = apply(first, changed, 1000);
    expect(state.retired).toEqual({ ['a'.repeat(64)]: 3_601_000 });
    expect(apply(state, changed, 4_000_000).state.retired).toEqual({});
    expect(Object.keys(state.profiles)).toHaveLength(1);
  });

  it('takes nodes away, one or all that are not named', () => {
    expect(Object.keys(apply(first, { nodes: { n1: null } }).state.nodes)).toEqual(['n2']);
    expect(apply(first, { allNodes: true }).state.nodes).toEqual({});
  });

  it('gives a MAC or an address to the newcomer, and says who lost it', () => {
    const taken = { ...node(3, 'p'), macs: node(1, 'p').macs };
    const { state, notes } = apply(first, { nodes: { n3: taken }, profiles: { p: profile('a') } });
    expect(Object.keys(state.nodes)).toEqual(['n2', 'n3']);
    expect(notes).toEqual(['n1 is not served any more: n3 has its address or MAC now']);
  });

  it('refuses two nodes of one change with the same MAC', () => {
    const twice = { n3: node(3, 'p'), n4: { ...node(4, 'p'), macs: node(3, 'p').macs } };
    expect(() => apply(first, { nodes: twice, profiles: { p: profile('a') } })).toThrow(/n3 and n4 both have/);
  });
});

describe('DnsmasqLog', () => {
  it('tells leases of firmware from those of operating systems, and who was ignored', () => {
    const log = new DnsmasqLog();
    const read = (...lines: string[]): unknown[] =>
      lines.map((line) => log.line(line)).filter((news) => news !== undefined);
    expect(
      read(
        'dnsmasq-dhcp: 101 vendor class: PXEClient:Arch:00000:UNDI:002001',
        'dnsmasq-dhcp: 101 DHCPDISCOVER(br0) 52:54:00:77:00:00',
        'dnsmasq-dhcp: 101 DHCPACK(br0) 10.77.0.10 52:54:00:77:00:00 n0',
        'dnsmasq-dhcp: 102 vendor class: udhcp 1.35.0',
        'dnsmasq-dhcp: 102 DHCPACK(br0) 10.77.0.10 52:54:00:77:00:00 n0',
        'dnsmasq-dhcp: 103 DHCPDISCOVER(br0) 52:54:00:77:00:09 ignored',
        'dnsmasq: query[A] n0 from 10.77.0.10',
      ),
    ).toEqual([
      { what: 'lease', ip: '10.77.0.10', mac: '52:54:00:77:00:00', firmware: true },
      { what: 'lease', ip: '10.77.0.10', mac: '52:54:00:77:00:00', firmware: false },
      { what: 'ignored', mac: '52:54:00:77:00:09', reason: 'ignored' },
    ]);
  });
});
