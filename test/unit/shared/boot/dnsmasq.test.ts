import { describe, expect, it } from 'vitest';
import { checkBootApply } from '../../../../shared/boot/check.ts';
import type { BootClone } from '../../../../shared/task/boot-apply.ts';
import { renderDnsmasq, renderHosts, renderNames } from '../../../../shared/boot/dnsmasq.ts';
import type { BootApplySpec } from '../../../../shared/task/boot-apply.ts';

const spec: BootApplySpec = {
  service: {
    interfaces: ['eth1'],
    httpPort: 80,
    httpsPort: 7443,
    networks: [
      {
        name: 'net1',
        net: '10.1.0.0',
        mask: '255.255.0.0',
        server: '10.1.0.1',
        gateway: '10.1.0.254',
        dynamicrange: '',
        leaseSeconds: 3600,
      },
      {
        name: 'net2',
        net: '10.2.0.0',
        mask: '/24',
        server: '10.2.0.1',
        gateway: '',
        dynamicrange: '10.2.0.100-10.2.0.200',
        leaseSeconds: 600,
      },
    ],
    domain: 'cluster.test',
    manager: '10.1.0.1:7301',
    authority: 'a'.repeat(64),
    nameservers: ['9.9.9.9'],
  },
  nodes: {
    n2: { macs: ['52:54:00:00:00:02', '52:54:00:00:01:02'], ip: '10.1.0.2', hostname: 'n2', profile: 'p1' },
    n1: null,
  },
  profiles: { p1: { state: 'boot', ipxe: '#!ipxe\nexit\n', authorise: false } },
  blobs: [{ digest: 'b'.repeat(64), bytes: 5 }],
  allNodes: false,
};
const files = { hosts: '/h/dhcp-hosts', names: '/h/dns-hosts', leases: '/h/leases', pid: '/h/pid', tftp: '/t/hostler' };

describe('renderDnsmasq', () => {
  const lines = renderDnsmasq(spec.service, files, [{ interface: 'eth1', prefix: 'fd00:1:2::' }]).split('\n');

  it('serves only the interfaces that are named', () => {
    expect(lines.filter((line) => line.startsWith('interface='))).toEqual(['interface=eth1']);
    expect(lines).toContain('except-interface=lo');
    expect(lines).toContain('bind-interfaces');
  });

  it('gives addresses to strangers only where a range says so', () => {
    expect(lines).toContain('dhcp-range=set:net0,10.1.0.0,static,255.255.0.0,3600');
    expect(lines).toContain('dhcp-ignore=tag:net0,tag:!known');
    expect(lines).toContain('dhcp-range=set:net1,10.2.0.100,10.2.0.200,255.255.255.0,600');
    expect(lines).not.toContain('dhcp-ignore=tag:net1,tag:!known');
  });

  it('tells each network its own server', () => {
    expect(lines).toContain('dhcp-boot=tag:net0,tag:ipxe,http://10.1.0.1/boot.ipxe');
    expect(lines).toContain('dhcp-boot=tag:net1,tag:ipxe,http://10.2.0.1/boot.ipxe');
    expect(lines).toContain('dhcp-option=tag:net0,option:router,10.1.0.254');
    expect(lines).toContain('dhcp-option=tag:net1,option:router');
  });

  it('announces IPv6 without offering a way out', () => {
    expect(lines).toContain('ra-param=eth1,60,0');
    expect(lines).toContain('dhcp-range=fd00:1:2::,ra-only,64,600');
    expect(renderDnsmasq(spec.service, files, [])).not.toContain('enable-ra');
  });

  it('refuses a path that would mean something in the file', () => {
    expect(() => renderDnsmasq(spec.service, { ...files, tftp: '/t\nuser=evil' }, [])).toThrow(/plainer/);
  });

  it('writes one line a node, in order', () => {
    const nodes = { n2: spec.nodes['n2'] ?? never(), n1: { macs: [], ip: '10.1.0.1', hostname: 'n1', profile: 'p1' } };
    expect(renderHosts(nodes)).toBe('52:54:00:00:00:02,52:54:00:00:01:02,10.1.0.2,n2\n');
    expect(renderNames(nodes)).toBe('10.1.0.1 n1\n10.1.0.2 n2\n');
  });
});

describe('checkBootApply', () => {
  it('takes what is right as it is', () => expect(checkBootApply(JSON.parse(JSON.stringify(spec)))).toEqual(spec));

  it('passes on everything that a clone is made of, its overrides and groups too', () => {
    const clone: BootClone = {
      ...{ tree: 'c'.repeat(64), treeBytes: 9, facts: 'd'.repeat(64), pieces: 'e'.repeat(64) },
      settings: {
        ...{ domain: 'cluster.test', bits: 24, gateway: '10.1.0.254', nameservers: ['9.9.9.9'], protect: ['S1'] },
        ...{ smaller: true, groups: ['rack1', 'all'], server: 'http://10.1.0.1', secure: 'https://10.1.0.1:7443' },
      },
    };
    const profiles = { p1: { state: 'sysclone', ipxe: '#!ipxe\nexit\n', authorise: true, clone } };
    expect(checkBootApply(JSON.parse(JSON.stringify({ ...spec, profiles }))).profiles).toEqual(profiles);
  });

  it.each([
    ['a node name with a line feed', { nodes: { 'n1\nuser=evil': null } }],
    ['a node name that leads out', { nodes: { '../n1': null } }],
    ['a MAC that is none', { nodes: { n1: { ...spec.nodes['n2'], macs: ['52:54:00:00:00:02,set:x'] } } }],
    ['an address that is none', { nodes: { n1: { ...spec.nodes['n2'], ip: '10.1.0.2,infinite' } } }],
    ['a profile that is not there', { nodes: { n1: { ...spec.nodes['n2'], profile: 'constructor' } } }],
    ['an interface with a line feed', { service: { ...spec.service, interfaces: ['eth0\n'] } }],
    ['no interface', { service: { ...spec.service, interfaces: [] } }],
    ['a domain with options', { service: { ...spec.service, domain: 'x,10.0.0.0/8' } }],
    ['a name server that is none', { service: { ...spec.service, nameservers: ['/x/1.2.3.4'] } }],
    [
      'a range that is none',
      { service: { ...spec.service, networks: [{ ...spec.service.networks[0], dynamicrange: 'x-y' }] } },
    ],
    ['a port that is none', { service: { ...spec.service, httpPort: 0 } }],
    ['a script that is none', { profiles: { p1: { state: 'x', ipxe: 'exit' } } }],
    ['a digest that is none', { blobs: [{ digest: '../x', bytes: 1 }] }],
    ['another kind of address', { from: { agent: 'a', endpoints: ['file:///etc/passwd'] } }],
  ])('refuses %s', (_what, change) => {
    expect(() => checkBootApply({ ...spec, ...change })).toThrow(/Not fit for a boot server/);
  });
});

function never(): never {
  throw new Error('not there');
}
