import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { readPkglists } from '../../../../../agent/tasks/image-build/pkglist.ts';

const files = (content: Record<string, string>, environment: Record<string, string> = {}) => ({
  environment,
  read: (path: string): Promise<string> =>
    content[path] === undefined ? Promise.reject(new Error('ENOENT')) : Promise.resolve(content[path]),
});

describe('readPkglists', () => {
  it.each([
    ['names, blanks and comments', 'bash  \n\n# no\n  vim\n', [['bash', 'vim']]],
    ['several a line', 'bash, vim,nano\n', [['bash', 'vim', 'nano']]],
    ['passes', 'bash\n#NEW_INSTALL_LIST#\nvim\n', [['bash'], ['vim']]],
    ['an empty pass counts for nothing', 'bash\n#NEW_INSTALL_LIST#\n#NEW_INSTALL_LIST#\nvim\n', [['bash'], ['vim']]],
    [
      'versions, architectures, groups, folders',
      'a=1:2.0~b+c-1\nb:arm64\n@^c d\nrsct/src\n',
      [['a=1:2.0~b+c-1', 'b:arm64', '@^c d', 'rsct/src']],
    ],
    ['unknown directives are comments', '#INCLUDE:x\nbash\n', [['bash']]],
  ])('%s', async (_, text, packages) => {
    const passes = await readPkglists(['/l'], files({ '/l': text }));
    expect(passes.map((pass) => pass.packages)).toEqual(packages);
  });

  it('takes removals and the environment of a pass', async () => {
    const text = '#ENV:A=1 B="two"#\nbash\n-nano\n--vim\n#NEW_INSTALL_LIST#\n#ENV:C=3#\nless\n';
    expect(await readPkglists(['/l'], files({ '/l': text }))).toEqual([
      { packages: ['bash'], remove: ['nano'], removeAfter: ['vim'], environment: { A: '1', B: 'two' } },
      { packages: ['less'], remove: [], removeAfter: [], environment: { C: '3' } },
    ]);
  });

  it('includes: relative to the file, absolute, and with variables', async () => {
    const reader = files(
      {
        '/a/l': 'one\n#INCLUDE:sub/m#\n#INCLUDE:$BASE/n#\n',
        '/a/sub/m': 'two\n#INCLUDE:../o#',
        '/a/o': 'three',
        '/b/n': 'four',
      },
      { BASE: '/b' },
    );
    expect((await readPkglists(['/a/l'], reader))[0]?.packages).toEqual(['one', 'two', 'three', 'four']);
  });

  it('names every file that cannot be read, in xCAT words', async () => {
    const reading = readPkglists(['/l', '/x'], files({ '/l': '#INCLUDE:/y#' }));
    await expect(reading).rejects.toMatchObject({
      code: 'not_found',
      message: 'Unable to open the following pkglist files:\n/y\n/x',
    });
  });

  it.each([
    ['a circle', { '/l': '#INCLUDE:/m#', '/m': '#INCLUDE:/l#' }, /includes itself/],
    ['an option', { '/l': 'bash\n---force' }, /line 2.*is not the name of a package/],
    ['a shell', { '/l': 'bash; rm -rf /' }, /not the name of a package/],
    ['an open environment', { '/l': '#ENV:A=1' }, /ends with #/],
    ['no environment', { '/l': '#ENV:1A=1#' }, /is not NAME=value/],
    ['ten million lines', { '/l': 'a\n'.repeat(100_001) }, /more than 100000 lines/],
  ])('refuses %s', async (_, content, message) => {
    await expect(readPkglists(['/l'], files(content))).rejects.toThrow(message);
  });

  it('never lets anything through that a program could take for an option', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        const passes = await readPkglists(['/l'], files({ '/l': text })).catch(() => []);
        for (const pass of passes) {
          for (const name of [...pass.packages, ...pass.remove, ...pass.removeAfter]) {
            expect(name).toMatch(/^@?\^?[A-Za-z0-9][^\s,;|&$`<>'"\\]*(?: [\w.+-]+)*$/);
          }
        }
      }),
    );
  });
});
