import { describe, expect, test } from 'vitest';
import { renderBind } from '../../../../shared/services/bind.ts';
import { renderDnsmasqNames } from '../../../../shared/services/dnsmasq-names.ts';
import { renderDhcpd } from '../../../../shared/services/isc-dhcpd.ts';
import { renderKea } from '../../../../shared/services/kea.ts';
import { names, nodes, service } from '../../support/service-model.ts';

describe('DHCP', () => {
  test('Kea: subnets with what lies in them, each card of a node its own reservation', () => {
    const text = renderKea(
      service,
      { ...nodes(2), far: { macs: ['02:00:00:00:00:01'], ip: '172.16.0.1', hostname: 'far', profile: '' } },
      '/l',
    );
    expect(text).toMatch(/^\/\/ Made by hostler/);
    const { Dhcp4 } = JSON.parse(text.slice(text.indexOf('\n'))) as { Dhcp4: Record<string, unknown> };
    expect(Dhcp4['ip-reservations-unique']).toBe(false);
    expect(Dhcp4['subnet4']).toMatchObject([
      {
        subnet: '10.0.0.0/16',
        'next-server': '10.0.0.1',
        pools: [{ pool: '10.0.200.1 - 10.0.200.99' }],
        reservations: [
          { 'hw-address': '52:54:00:00:00:01', 'ip-address': '10.0.1.1', hostname: 'n0' },
          { 'hw-address': '52:54:00:ff:00:01', 'ip-address': '10.0.1.1', hostname: 'n0' },
          { 'hw-address': '52:54:00:00:00:02', 'ip-address': '10.0.1.2', hostname: 'n1' },
        ],
      },
      {
        subnet: '10.9.0.0/24',
        pools: [],
        reservations: [],
        'option-data': [{ name: 'domain-name-servers', data: '10.9.0.1' }],
      },
    ]);
    expect(text).not.toContain('172.16');
  });

  test('ISC dhcpd: a host for each card', () => {
    const text = renderDhcpd(service, nodes(1));
    expect(text).toMatch(/^# Made by hostler/);
    expect(text).toContain(
      'host n0 { hardware ethernet 52:54:00:00:00:01; fixed-address 10.0.1.1; option host-name "n0"; }',
    );
    expect(text).toContain('host n0-card2 { hardware ethernet 52:54:00:ff:00:01; fixed-address 10.0.1.1;');
    expect(text).toContain('subnet 10.9.0.0 netmask 255.255.255.0 {\n  default-lease-time 600;');
    expect(text).toContain('filename "http://10.0.0.1:8080/boot.ipxe";');
  });
});

describe('DNS', () => {
  test('BIND: a zone for each domain, one for each 256 addresses; what DNS cannot carry is left out', () => {
    const files = renderBind(names(251), { conf: '/etc/bind/named.conf', zones: '/etc/bind/hostler', work: '/w' }, 42);
    expect(files.map(({ zone }) => zone)).toEqual([
      '0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa',
      '0.0.10.in-addr.arpa',
      '0.5.10.in-addr.arpa',
      '1.0.10.in-addr.arpa',
      '2.0.10.in-addr.arpa',
      'cluster.test',
      'fast.test',
      undefined,
    ]);
    const zone = (name: string): string => files.find((file) => file.zone === name)?.content ?? '';
    expect(zone('cluster.test')).toContain('@ IN SOA mn.cluster.test. root.mn.cluster.test. ( 42 ');
    expect(zone('cluster.test')).toContain('\nn0 IN A 10.0.1.1\nn0-alias IN A 10.0.1.1\n');
    expect(zone('cluster.test')).toContain('\nn0 IN AAAA fd00::5\n');
    expect(zone('2.0.10.in-addr.arpa')).toContain('\n1 IN PTR n250.cluster.test.\n');
    expect(zone('0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa')).toContain(
      '\n5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 IN PTR n0.cluster.test.\n',
    );
    expect(zone('fast.test')).toMatch(/\nfast_1 IN A 10.5.0.1\n$/);
    expect(files.at(-1)?.content).toContain(
      'zone "fast.test" { type master; file "/etc/bind/hostler/db.fast.test"; };',
    );
    expect(JSON.stringify(files)).not.toMatch(/x\.y\.z|bad name|nodomain/);
  });

  test('dnsmasq: names both ways', () => {
    const text = renderDnsmasqNames(names(1));
    expect(text).toContain('host-record=n0.cluster.test,n0-alias.cluster.test,n0,n0-alias,10.0.1.1\n');
    expect(text).toContain('local=/cluster.test/\nlocal=/fast.test/\nserver=192.0.2.53\n');
  });
});
