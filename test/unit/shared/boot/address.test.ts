import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressRange,
  httpBase,
  inNetwork,
  ipv4,
  isHostName,
  isInterfaceName,
  maskBits,
  maskOf,
  normalMac,
} from '../../../../shared/boot/address.ts';

describe('normalMac', () => {
  it.each([
    ['52:54:00:77:00:0A', '52:54:00:77:00:0a'],
    ['52-54-00-77-00-0a', '52:54:00:77:00:0a'],
    ['52540077000a', '52:54:00:77:00:0a'],
    ['52:54-00:77:00:0a', undefined],
    ['52:54:00:77:00', undefined],
    ['52:54:00:77:00:0g', undefined],
    ['52:54:00:77:00:0a\n', undefined],
    ['', undefined],
  ])('%j', (text, wanted) => expect(normalMac(text)).toBe(wanted));

  it('gives only what dnsmasq and a file name can carry, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const mac = normalMac(text);
        expect(mac === undefined || /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)).toBe(true);
      }),
    );
  });
});

describe('addresses', () => {
  it.each(['256.1.1.1', '1.2.3', '01.2.3.4', '1.2.3.4 ', '1.2.3.4\n', '::1', ''])('refuses %j', (text) =>
    expect(ipv4(text)).toBeUndefined(),
  );

  it('knows masks in every spelling', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 32 }), (bits) => {
        expect(maskBits(maskOf(bits))).toBe(bits);
        expect(maskBits(`/${bits}`)).toBe(bits);
      }),
    );
    expect(maskBits('255.0.255.0')).toBeUndefined();
    expect(maskBits('33')).toBeUndefined();
  });

  it('finds an address in its network', () => {
    expect(inNetwork('10.0.1.1', '10.0.0.0', '255.255.0.0')).toBe(true);
    expect(inNetwork('10.1.0.1', '10.0.0.0', '255.255.0.0')).toBe(false);
    expect(inNetwork('200.1.1.1', '0.0.0.0', '0.0.0.0')).toBe(true);
    expect(inNetwork('nonsense', '10.0.0.0', '/8')).toBe(false);
  });

  it('takes ranges in order only', () => {
    expect(addressRange('10.0.0.5-10.0.0.9')).toEqual(['10.0.0.5', '10.0.0.9']);
    expect(addressRange('10.0.0.9-10.0.0.5')).toBeUndefined();
    expect(addressRange('10.0.0.9')).toBeUndefined();
  });

  it('leaves the usual port out', () => {
    expect(httpBase('10.0.0.1', 80)).toBe('http://10.0.0.1');
    expect(httpBase('10.0.0.1', 8080)).toBe('http://10.0.0.1:8080');
  });
});

describe('names', () => {
  it.each(['n1', 'n-1.cluster.test', 'cn_1'])('takes %s', (name) => expect(isHostName(name)).toBe(true));
  it.each(['', '-n', 'n-', 'a..b', 'a b', 'a,b', 'a\nb', '../x', 'x'.repeat(64), 'n;reboot', 'ä'])(
    'refuses %j',
    (name) => expect(isHostName(name)).toBe(false),
  );
  it.each(['eth0', 'br0', 'enp1s0f0', 'eth0.100'])('takes the interface %s', (name) =>
    expect(isInterfaceName(name)).toBe(true),
  );
  it.each(['', 'eth0 ', 'a/b', 'eth0\n', 'sixteencharacter', '-e'])('refuses the interface %j', (name) =>
    expect(isInterfaceName(name)).toBe(false),
  );
});
