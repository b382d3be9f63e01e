import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestsOf } from '../../../../../agent/tasks/media/checksums.ts';
import { wantedEntries } from '../../../../../agent/tasks/media/entries.ts';
import type { MediumEntry, OpenMedium } from '../../../../../agent/tasks/media/medium.ts';
import { fingerprintOf } from '../../../../../agent/tasks/media/publish.ts';
import { rateText } from '../../../../../agent/tasks/media/rate.ts';
import { readListed, readSection } from '../../../../../agent/tasks/media/xorriso.ts';

const entry = (path: string, more: Partial<MediumEntry> = {}): MediumEntry => ({
  ...{ path, kind: 'file', size: 1, executable: false, link: '' },
  ...more,
});
const folder = (path: string): MediumEntry => entry(path, { kind: 'folder', size: 0, executable: true });
const link = (path: string, target: string): MediumEntry =>
  entry(path, {
    ...{ kind: 'link', size: 0, executable: true, link: target },
  });

describe('what xorriso lists', () => {
  it.each([
    ["drwxr-xr-x    1 0        0               0 Nov 20 12:56 '/'", folder('')],
    ["-rw-r--r--    1 0        0            5000 Nov 20  2025 '/a b'\"'\"'c'", entry("a b'c", { size: 5000 })],
    ["-r-xr-xr-x    1 0        0               7 Nov 20 12:56 '/d/run'", entry('d/run', { size: 7, executable: true })],
    ["lrwxrwxrwx    1 0        0               0 Nov 20 12:56 '/l' -> 'to '\"'\"'it'", link('l', "to 'it")],
    ["-rw-r--r--    1 0        0               2 Nov 20 12:56 '/l\\303\\244ng'", entry('läng', { size: 2 })],
    ["-rw-r--r--    1 0        0               2 Nov 20 12:56 '/new\\nline\\\\'", entry('new\nline\\', { size: 2 })],
    ["-rw-r--r--    1 0        0               2 Nov 20 12:56 '/\\377'", entry('\\377', { kind: 'other', size: 2 })],
    ["brw-r--r--    1 0        0             8,0 Nov 20 12:56 '/disk'", entry('disk', { kind: 'other', size: 0 })],
    ['xorriso : NOTE : something', undefined],
    ["Volume id    : 'LAB'", undefined],
  ])('%s', (line, expected) => {
    const found = readListed(line);
    if (expected === undefined) expect(found).toBeUndefined();
    else
      expect(found).toMatchObject({
        ...expected,
        executable: found?.executable === true && /x/.test(line.slice(0, 10)),
      });
  });

  it('tells where content lies', () => {
    expect(readSection("File data lba:  1 ,     2097 ,      100 ,   204799 , '/a b'")).toEqual({
      ...{ path: 'a b', at: 2097 * 2048, bytes: 204799 },
    });
    expect(readSection('Report layout: xt , Startlba ,   Blocks , Filesize , ISO image path')).toBeUndefined();
  });

  it('is read whatever it is', () => {
    fc.assert(fc.property(fc.string(), (noise) => void readListed(`-rw-r--r-- 1 0 0 1 x ${noise}`)));
    fc.assert(fc.property(fc.string(), (noise) => void readListed(`-rw-r--r-- 1 0 0 1 x '${noise}`)));
  });
});

describe('of a medium is copied', () => {
  it('what stays in its folder', () => {
    const wanted = wantedEntries([
      ...[folder('dists'), folder('dists/a'), entry('dists/a/Release'), entry('x', { kind: 'other' })],
      ...[
        link('debian', '.'),
        link('dists/stable', 'a'),
        link('dists/a/up', '../../dists'),
        link('dists/a/top', '../..'),
      ],
      ...[
        link('out', '..'),
        link('dists/out', '../../x'),
        link('abs', '/etc/passwd'),
        link('tricky', 'dists/stable/../..'),
      ],
    ]);
    expect(wanted.links.map(({ path }) => path)).toEqual(['debian', 'dists/stable', 'dists/a/up', 'dists/a/top']);
    expect(wanted.warnings).toEqual([
      'x was left out: it is neither file, folder nor link.',
      'The link out was left out: .. is outside of the medium.',
      'The link dists/out was left out: ../../x is outside of the medium.',
      'The link abs was left out: /etc/passwd is outside of the medium.',
      'The link tricky was left out: dists/stable/../.. is outside of the medium.',
    ]);
  });

  it.each([
    ['..', [entry('..')]],
    ['a/../../etc', [folder('a'), entry('a/../../etc')]],
    ['an empty part', [folder('a'), entry('a//b')]],
    ['a control character', [entry('a\nb')]],
    ['the same name twice', [entry('a'), link('a', 'b')]],
    ['a file below a link', [link('a', '.'), entry('a/b')]],
    ['a file in no folder', [entry('a/b')]],
    ['a long name', [entry('x'.repeat(300))]],
  ])('nothing of one with %s', (_, entries) => {
    expect(() => wantedEntries(entries)).toThrow('The medium was not copied');
  });

  it('no more warnings than people read', () => {
    const links = Array.from({ length: 100 }, (_, at) => link(`l${at}`, '/'));
    expect(wantedEntries(links).warnings).toHaveLength(21);
  });
});

describe('a medium names digests', () => {
  const medium = (files: Readonly<Record<string, string>>): OpenMedium => ({
    entries: Object.entries(files).map(([path, text]) => entry(path, { size: Buffer.byteLength(text) })),
    chunks: async function* ({ path }) {
      yield await Promise.resolve(Buffer.from(files[path] ?? ''));
    },
    close: () => Promise.resolve(),
  });
  const [md5, sha] = ['a'.repeat(32), 'b'.repeat(64)];

  it.each([
    ['md5sum.txt', `${md5}  ./pool/a.deb\n${md5}  ./isolinux/isolinux.bin\n`, { 'pool/a.deb': 'md5' }],
    ['SHA256SUMS', `${sha} *pool/a b.deb\r\n`, { 'pool/a b.deb': 'sha256' }],
    ['CHECKSUMS', `${sha}  ./repodata/repomd.xml\n`, { 'repodata/repomd.xml': 'sha256' }],
    ['.treeinfo', `[checksums]\nimages/x = sha256:${sha}\n[general]\ny = sha256:${sha}\n`, { 'images/x': 'sha256' }],
    [
      'content',
      `HASH SHA256 ${sha}  boot/x86_64/initrd\nMETA SHA256 ${sha}  patterns\nVERSION 12\n`,
      { 'boot/x86_64/initrd': 'sha256', 'suse/setup/descr/patterns': 'sha256' },
    ],
    ['md5sum.txt', 'no list at all\n', {}],
  ])('in %s', async (name, text, expected) => {
    const found = await digestsOf(medium({ [name]: text }));
    expect(Object.fromEntries([...found].map(([path, { algorithm }]) => [path, algorithm]))).toEqual(expected);
  });

  it('the stronger one counts', async () => {
    const both = medium({ 'md5sum.txt': `${md5}  ./a\n`, SHA256SUMS: `${sha}  ./a\n` });
    expect((await digestsOf(both)).get('a')).toEqual({ algorithm: 'sha256', hex: sha });
  });
});

it('knows a medium by its names as the original does: md5 of the sorted list', () => {
  expect(fingerprintOf([entry('b'), folder('a')])).toBe('fc1dc43e766822f27b108c8f946fa044');
});

it.each([
  [{ files: 10, doneFiles: 1, copied: 0, left: 100, seconds: 5 }, '1 of 10 files'],
  [{ files: 10, doneFiles: 9, copied: 5e6, left: 50e6, seconds: 2 }, '9 of 10 files, 2.5 MB/s, 20 s left'],
  [{ files: 10, doneFiles: 9, copied: 900e6, left: 9e9, seconds: 10 }, '9 of 10 files, 90 MB/s, 2 min left'],
  [{ files: 10, doneFiles: 10, copied: 900e6, left: 0, seconds: 10 }, '10 of 10 files, 90 MB/s'],
])('says how far it is: %j', (at, text) => expect(rateText(at)).toBe(text));
