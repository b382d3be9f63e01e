import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { longestMessage } from '../../../../shared/session/limits.ts';
import { packSpec, unpackSpec } from '../../../../shared/task/packed-spec.ts';

/** What makehosts says of so many nodes. */
function hosts(count: number): string {
  const line = (at: number): string =>
    `10.${at >> 16}.${(at >> 8) & 255}.${at & 255} node${at} node${at}.cluster.test `;
  const put = Array.from({ length: count }, (_, at) => line(at));
  return JSON.stringify({ files: [{ path: '/etc/hosts', hosts: { put } }] });
}

describe('a long specification', () => {
  test('of a hundred thousand nodes fits into a message, and is the same behind it', () => {
    const spec = hosts(100_000);
    expect(spec.length).toBeGreaterThan(longestMessage);
    const sent = packSpec(spec);
    expect(sent.length).toBeLessThan(longestMessage / 2);
    expect(JSON.parse(sent)).toHaveProperty('packed');
    expect(unpackSpec(sent) === spec).toBe(true);
  });

  test('is left alone when it is short, or only looks packed', () => {
    for (const spec of [hosts(3), '{}', '{"packed":"not base64 !"}', '{"packed":"AA==","more":1}', 'null']) {
      expect(packSpec(spec)).toBe(spec);
      expect(unpackSpec(spec)).toBe(spec);
    }
  });

  test('that would fill the memory is refused', () => {
    const bomb = deflateRawSync(Buffer.alloc(300 * 1024 * 1024)).toString('base64');
    expect(() => unpackSpec(`{"packed":"${bomb}"}`)).toThrow(RangeError);
  });
});
