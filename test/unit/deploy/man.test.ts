import { describe, expect, test } from 'vitest';
import { manPages } from '../../../deploy/man/pages.ts';
import { escaped } from '../../../deploy/man/roff.ts';
import { run } from '../../../shared/process/run.ts';
import { which } from '../../../shared/process/which.ts';

const pages = manPages('1.2.3');

describe('manual pages', () => {
  test('every command, every type, the tables, each once', () => {
    const names = pages.map(({ name, section }) => `${name}.${section}`);
    expect(names).toEqual(
      expect.arrayContaining([
        'hostler.1',
        'lsdef.1',
        'makehosts.1',
        'hostler-undo.1',
        'hostler-history.1',
        'hostler-node.7',
        'hostler-tables.5',
      ]),
    );
    expect(new Set(names).size).toBe(names.length);
    expect(names).not.toContain('rpower.1');
  });

  test('a page says what the help says', () => {
    const text = pages.find(({ name }) => name === 'makehosts')?.text ?? '';
    expect(text).toContain('.TH MAKEHOSTS 1');
    expect(text).toContain('\\fB\\-l, \\-\\-longnamefirst\\fR\n');
    expect(text).toContain('makehosts \\-n\n');
  });

  test.each([
    ['.dot first', '\\&.dot first'],
    ["it's \\ here", 'it\\(aqs \\e here'],
    ['a-b', 'a\\-b'],
    ['für', 'f\\[u00FC]r'],
  ])('%s', (plain, roff) => {
    expect(escaped(plain)).toBe(roff);
  });

  test('groff has nothing to complain about', async (context) => {
    if (which('groff') === undefined) context.skip('groff is not installed');
    const input = pages.map(({ text }) => text).join('');
    const { stderr } = await run('groff', ['-man', '-ww', '-Tutf8', '-z'], { input, timeoutMs: 30_000 });
    expect(stderr).toBe('');
  });
});
