import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { distanceWithin, nearest } from '../../../../shared/text/nearest.ts';

describe('nearest', () => {
  const word = fc.stringMatching(/^[a-d]{0,7}$/);

  test('one slip of the fingers is one step away', () => {
    fc.assert(
      fc.property(word, fc.nat(7), fc.constantFrom('left out', 'put in', 'swapped'), (text, place, slip) => {
        const at = Math.min(place, text.length);
        const [a = '', b = ''] = [text[at], text[at + 1]];
        const slipped =
          slip === 'put in'
            ? `${text.slice(0, at)}x${text.slice(at)}`
            : slip === 'left out'
              ? text.slice(0, at) + text.slice(at + 1)
              : text.slice(0, at) + b + a + text.slice(at + 2);
        expect(distanceWithin(text, slipped, 2)).toBe(text === slipped ? 0 : 1);
      }),
    );
  });

  test('is the same from both sides, and more than the most is said to be just more', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(distanceWithin(a, b, 2)).toBe(distanceWithin(b, a, 2));
        expect(distanceWithin(a, b, 2)).toBe(Math.min(3, distanceWithin(a, b, 20)));
      }),
    );
  });

  test.each([
    ['grups', ['groups', 'group', 'grip'], ['groups']],
    ['node', ['nodes', 'mode', 'nod', 'note', 'other'], ['mode', 'nod', 'nodes']],
    ['IP', ['ip'], ['ip']],
    ['x', ['completely'], []],
  ])('%s of %j', (text, names, meant) => {
    expect(nearest(text, names)).toEqual(meant);
  });
});
