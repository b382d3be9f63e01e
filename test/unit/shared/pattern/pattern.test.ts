import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { compilePattern } from '../../../../shared/pattern/index.ts';
import { isPlain } from '../../../../shared/pattern/plain.ts';

describe('compilePattern', () => {
  test('searches and matches whole texts', () => {
    const pattern = compilePattern('node0[1-3]');
    expect(pattern.test('xnode01x')).toBe(true);
    expect(pattern.matches('xnode01x')).toBe(false);
    expect(pattern.matches('node01')).toBe(true);
  });

  test('gives the groups of the first occurrence', () => {
    expect(compilePattern('(\\D+)(\\d+)(x)?').find('--n07')).toEqual({
      start: 0,
      end: 5,
      groups: ['--n07', '--n', '07', undefined],
    });
    expect(compilePattern('z').find('abc')).toBeUndefined();
  });

  test.each(['[', '(?=a)b', '(a)\\1', '*a'])('refuses %s with the reason', (source) => {
    expect(() => compilePattern(source)).toThrow(HostlerError);
    expect(() => compilePattern(source)).toThrow(`'${source}' cannot be used`);
  });

  test('refuses what is too long to compile', () => {
    expect(() => compilePattern('x*'.repeat(10_000))).toThrow('at most 1000');
  });

  test('answers at once where backtracking would never end', () => {
    expect(compilePattern('(a+a+)+b').test('a'.repeat(5000))).toBe(false);
    expect(compilePattern('a*a*a*a*a*a*a*a*b').test('a'.repeat(200))).toBe(false);
  });

  test('both engines agree on what is called plain', () => {
    const piece = fc.constantFrom('a', 'b', '.', '\\d', '[ab]', '[^a1]', 'a*', '.+', 'b?', '\\d{2}', '^', '$', '1');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.stringMatching(/^[ab12-]{0,12}$/), (pieces, text) => {
        const source = pieces.join('');
        const pattern = compilePattern(source);
        const linear = compilePattern(`(?:${source})`);
        expect(isPlain(`(?:${source})`)).toBe(false);
        expect(pattern.test(text)).toBe(linear.test(text));
        expect(pattern.matches(text)).toBe(linear.matches(text));
      }),
    );
  });

  test('groups, alternatives and a third unbounded repetition are not plain', () => {
    expect(isPlain('node.*')).toBe(true);
    expect(isPlain('n\\*')).toBe(true);
    expect(isPlain('a*b*')).toBe(true);
    for (const source of ['(a)', 'a|b', 'a*b*c*', 'a{2,}', '\\s', '\\b']) expect(isPlain(source)).toBe(false);
  });
});
