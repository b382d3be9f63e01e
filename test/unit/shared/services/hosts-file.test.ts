import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  beginMark,
  changeHostsFile,
  changeLines,
  endMark,
  hostLine,
  linkLocal,
} from '../../../../shared/services/hosts-file.ts';

const nothing = { clear: false, remove: [], put: [] };

describe('hostLine', () => {
  test.each([
    [{ ip: '10.0.1.1', name: 'cn1', domain: 'cluster.test', others: [] }, false, '10.0.1.1 cn1 cn1.cluster.test '],
    [{ ip: '10.0.1.1', name: 'cn1', domain: 'cluster.test', others: [] }, true, '10.0.1.1 cn1.cluster.test cn1 '],
    [{ ip: '10.0.1.2', name: 'cn2', domain: 'd.x', others: ['a', 'b'] }, false, '10.0.1.2 cn2 cn2.d.x a b'],
    [{ ip: '10.0.1.2', name: 'cn2', domain: 'd.x', others: ['cn2', 'cn2.d.x', 'b'] }, false, '10.0.1.2 cn2 cn2.d.x b'],
    [{ ip: '10.0.1.2', name: 'cn2', domain: 'd.x', others: ['cn2.other.y', 'b'] }, false, '10.0.1.2 cn2 cn2.other.y b'],
    [{ ip: '10.0.1.2', name: 'cn2.d.x', domain: 'd.x', others: [] }, false, '10.0.1.2 cn2 cn2.d.x '],
    [{ ip: '10.0.1.2', name: 'cn2', domain: '', others: ['a'] }, false, '10.0.1.2 cn2 a'],
    [{ ip: '10.0.1.2', name: 'cn2.elsewhere', domain: 'd.x', others: [] }, false, undefined],
  ])('%j, long first %s', (entry, longFirst, line) => {
    expect(hostLine(entry, longFirst)).toBe(line);
  });
});

describe('changeLines', () => {
  const two = ['10.0.0.1 a a.x ', '10.0.0.2 b b.x '];
  test.each([
    ['a new line comes last', { put: ['10.0.0.3 c c.x '] }, [...two, '10.0.0.3 c c.x ']],
    ['a new address of a name stays in its place', { put: ['10.0.0.9 a a.x '] }, ['10.0.0.9 a a.x ', two[1]]],
    ['a new name of an address stays in its place', { put: ['10.0.0.1 z z.x '] }, ['10.0.0.1 z z.x ', two[1]]],
    ['the long name first is the same name', { put: ['10.0.0.1 a.x a '] }, ['10.0.0.1 a.x a ', two[1]]],
    ['one line takes the place of two', { put: ['10.0.0.2 a a.x '] }, ['10.0.0.2 a a.x ']],
    ['removed by name', { remove: ['a'] }, [two[1]]],
    ['removed by address', { remove: ['10.0.0.2'] }, [two[0]]],
    ['IPv6 lies beside IPv4', { put: ['fe80::1 a a.x '] }, [...two, 'fe80::1 a a.x ']],
    ['cleared first', { clear: true, put: ['10.0.0.7 q q.x '] }, ['10.0.0.7 q q.x ']],
  ])('%s', (_what, change, after) => {
    expect(changeLines(two, { ...nothing, ...change })).toEqual(after);
  });
});

describe('changeHostsFile', () => {
  const line = fc.stringMatching(/^[a-z0-9. #\t\r]{0,20}$/);
  const own = fc.tuple(fc.nat(9), fc.nat(9)).map(([a, b]) => `10.0.0.${a} n${b} n${b}.x `);
  const put = fc.array(own, { minLength: 1, maxLength: 8 });

  test('lines of others stay byte for byte, and taking everything away gives the file back', () => {
    fc.assert(
      fc.property(fc.array(line), fc.array(line), put, put, (head, tail, first, second) => {
        const text = [...head, ''].join('\n');
        const with1 = changeHostsFile(text, { ...nothing, put: first }) + tail.map((one) => `${one}\n`).join('');
        const with2 = changeHostsFile(with1, { ...nothing, put: second });
        expect(with2.startsWith(text)).toBe(true);
        expect(with2.match(new RegExp(beginMark, 'g'))).toHaveLength(1);
        const rest = text + tail.map((one) => `${one}\n`).join('');
        expect(changeHostsFile(with2, { ...nothing, clear: true })).toBe(rest);
      }),
    );
  });

  test('the same change twice is the same as once; no address and no name stands twice', () => {
    const node = fc.nat(30).map((n) => `10.0.0.${n} n${n} n${n}.x `);
    fc.assert(
      fc.property(fc.array(node), put, (lines, mixed) => {
        const once = changeHostsFile('127.0.0.1 localhost\n', { ...nothing, put: lines });
        expect(changeHostsFile(once, { ...nothing, put: lines })).toBe(once);
        const words = changeLines([], { ...nothing, put: [...lines, ...mixed] }).flatMap((each) =>
          each.split(' ').slice(0, 2),
        );
        expect(new Set(words).size).toBe(words.length);
      }),
    );
  });

  test('an end mark that somebody deleted loses nothing', () => {
    const text = `127.0.0.1 localhost\n${beginMark}\n10.0.0.1 mine\n`;
    const after = changeHostsFile(text, { ...nothing, put: ['10.0.0.2 b b.x '] });
    expect(after).toBe(`${text}${beginMark}\n10.0.0.2 b b.x \n${endMark}\n`);
  });

  test('ten thousand lines are one pass', () => {
    const lines = Array.from({ length: 10_000 }, (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255} n${at}`);
    const file = changeHostsFile('', { ...nothing, put: lines });
    expect(file.split('\n')).toHaveLength(10_003);
    expect(changeHostsFile(file, { ...nothing, put: [...lines].reverse() })).toBe(file);
  });
});

test.each([
  ['52:54:00:12:34:56', 'fe80::5054:ff:fe12:3456'],
  ['00:00:00:00:00:01', 'fe80::200:ff:fe00:1'],
  ['no mac', undefined],
])('linkLocal %s', (mac, address) => {
  expect(linkLocal(mac)).toBe(address);
});
