import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile, exclusionTest, readExlists } from '../../../../../agent/tasks/image-pack/exlist.ts';

const read =
  (content: Record<string, string>) =>
  (path: string): Promise<string> =>
    content[path] === undefined ? Promise.reject(new Error('ENOENT')) : Promise.resolve(content[path]);

describe('readExlists', () => {
  it('knows comments anywhere, -, + and includes', async () => {
    const text = '# all\n./a* # why\n-./b\n+./a/keep\n#INCLUDE:sub/x#\n\n';
    const lists = await readExlists(['/d/l'], read({ '/d/l': text, '/d/sub/x': './c' }));
    expect(lists.leaveOut.slice(-3)).toEqual(['./a*', './b', './c']);
    expect(lists.takeIn).toEqual(['./a/keep']);
  });

  it('always leaves out the traces of statelite', async () => {
    const excluded = exclusionTest(await readExlists([], read({})));
    expect(['./.statelite/x', './.default', './etc/init.d/statelite', './etc'].map(excluded)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('refuses circles, and names a file that is not there', async () => {
    await expect(readExlists(['/l'], read({ '/l': '#INCLUDE:/l#' }))).rejects.toThrow(/includes itself/);
    await expect(readExlists(['/l'], read({}))).rejects.toThrow('The exlist file /l cannot be read.');
  });
});

describe('an exclude list of the whole image', () => {
  it.each(['/', '-/', './', '//', '/*'])('is refused: %s', async (line) => {
    await expect(readExlists(['/l'], read({ '/l': `./tmp/*\n${line} # all\n` }))).rejects.toThrow(
      /The exclude list \/l has the line \S+, the whole image: that leaves no \/sbin\/init in it/,
    );
  });

  it('may take in again what it needs', async () => {
    const text = './*\n./usr/\n+./usr*\n+./sbin*\n';
    expect((await readExlists(['/l'], read({ '/l': text }))).leaveOut.slice(-2)).toEqual(['./*', './usr/']);
  });
});

describe('compile', () => {
  const paths = [
    './a',
    './a/b',
    './a/b.c',
    './a/]x',
    './boot/vmlinuz-6',
    './usr/share/doc/x/copyright',
    './[q]',
    './*',
  ];
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'exlist-'));
    for (const path of paths.slice(1)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), '');
    }
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it.each([
    './a',
    './a*',
    './a/*',
    './a/',
    '*',
    './?',
    './a/b?c',
    './a/[bx]',
    './a/[!x]',
    './a/[]x]*',
    './a/[a-c]*',
    './usr/*/copyright',
    './boot/vmlinuz*',
    './**/c*',
    './[q]',
    './\\[q]',
    './\\*',
    './a/[',
    '',
    '.',
    './a/b.[!a-b]',
  ])('agrees with find -path %s', (pattern) => {
    const found = execFileSync('find', ['.', '-path', pattern], { cwd: root, encoding: 'utf8' })
      .split('\n')
      .filter(Boolean);
    const all = execFileSync('find', ['.'], { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);
    expect(all.filter(compile(pattern)).sort()).toEqual(found.sort());
  });

  it('is never slow', () => {
    const test = compile(`./${'*a'.repeat(500)}b`);
    expect(test(`./${'a'.repeat(5_000)}`)).toBe(false);
  });

  it('takes every path for itself when quoted', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (path) => compile(path.replace(/[\\*?[\]]/g, '\\$&'))(path)),
    );
  });
});
