import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { quoted, quotedLine } from '../../../../shared/text/shell-words.ts';
import { remote, type Remote } from '../../../nim/support/remote.ts';

let dir: string;
let other: Remote;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hostler-quote-'));
  other = remote(dir);
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** What the words are to the shell of the other side. */
function seen(words: readonly string[]): string[] {
  const line = `for word in ${quotedLine(words)}; do printf '%s\\0' "$word"; done`;
  return execFileSync('/usr/bin/env', ['sh', '-c', line], { encoding: 'utf8', env: { PATH: other.path } })
    .split('\0')
    .slice(0, -1);
}

describe('quoted', () => {
  test('whatever the words hold, mksh sees them as they were', () => {
    const nasty = fc.constantFrom(
      "'",
      '"',
      '\\',
      '$',
      '`',
      '\n',
      '\t',
      ' ',
      '*',
      '~',
      '!',
      '#',
      ';',
      '&',
      '|',
      '\r',
      '',
    );
    const word = fc
      .array(fc.oneof(nasty, fc.string(), fc.string({ unit: 'grapheme' })), { maxLength: 6 })
      .map((parts) => parts.join('').replaceAll('\0', ''));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 40 }), (words) => {
        expect(seen(words)).toEqual(words);
      }),
      { numRuns: 60 },
    );
  });

  test.each(['', "it's", "''", "'", '$(reboot)', '`reboot`', '-rf', '=x', '~root', 'a\nb', '#', '{a,b}', '!!', 'é€😀'])(
    '%j',
    (word) => {
      expect(seen([word])).toEqual([word]);
    },
  );

  test('a NUL byte is refused', () => {
    expect(() => quoted('a\0b')).toThrow(/NUL/);
  });

  test('ordinary words stay readable', () => {
    expect(quotedLine(['nim', '-o', 'define', '-a', 'location=/install/nim', 'spot1'])).toBe(
      'nim -o define -a location=/install/nim spot1',
    );
  });
});
