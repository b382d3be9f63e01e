import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipv6, ipv6Text, networkOf, prefixLength, reverseName, staysOnLink } from '../../../../shared/services/ipv6.ts';

describe('IPv6', () => {
  test('numbers and texts of addresses are the same thing', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (value) => {
        expect(ipv6(ipv6Text(value))).toBe(value);
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const value = ipv6(text);
        expect(value).toBeDefined();
        expect(ipv6(ipv6Text(value ?? 0n))).toBe(value);
      }),
    );
    expect(ipv6('FD77::00aB')).toBe(ipv6('fd77:0:0:0:0:0:0:ab'));
    expect(ipv6('::ffff:10.0.0.1')).toBe(0xffff0a000001n);
    for (const wrong of ['', '10.0.0.1', 'fe80::1%eth0', 'fd77:::1', 'g::']) expect(ipv6(wrong)).toBeUndefined();
  });

  test('networks', () => {
    expect(ipv6Text(networkOf(ipv6('fd77::1:2:3:4') ?? 0n, 64))).toBe('fd77::');
    expect(ipv6Text(networkOf(ipv6('fd77:0:0:7::1') ?? 0n, 60))).toBe('fd77::');
    expect(['64', '/48', '0', '128', '129', '', '255.0.0.0', '-1'].map(prefixLength)).toEqual([
      64,
      48,
      0,
      128,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(['fe80::1', 'febf::1', '::1', 'fec0::1', 'fd77::1'].map((text) => staysOnLink(ipv6(text) ?? 0n))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test('the way back', () => {
    expect(reverseName(ipv6('2001:db8::567:89ab') ?? 0n)).toEqual({
      label: 'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0',
      zone: '0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
    });
  });
});
