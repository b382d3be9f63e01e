import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withBroughtLists } from '../../../../../agent/tasks/build-lists/bring.ts';
import { buildLists } from '../../../../../agent/tasks/build-lists/kind.ts';
import { layOutSynclist } from '../../../../../agent/tasks/build-lists/sync-nodes.ts';
import { Additions } from '../../../../../agent/tasks/image-pack/additions.ts';
import { compile } from '../../../../../agent/tasks/image-pack/exlist.ts';
import { survey } from '../../../../../agent/tasks/image-pack/survey.ts';
import { applySynclists } from '../../../../../agent/tasks/image-pack/sync-files.ts';
import type { TaskContext } from '../../../../../agent/tasks/types.ts';
import type { BuildListsResult } from '../../../../../shared/task/build-lists.ts';
import type { Json } from '../../../../../shared/verb/effect.ts';

const when = 1_700_000_000;
let dir = '';
const at = (...path: string[]): string => join(dir, ...path);
const put = (path: string, text: string, mode = 0o644): string => {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
  chmodSync(at(path), mode);
  utimesSync(at(path), when, when);
  return at(path);
};
const context = (folder: string, spec: Json = {}): TaskContext => {
  mkdirSync(at(folder), { recursive: true, mode: 0o700 });
  return {
    ...{ id: 'j.t', dir: at(folder), home: at('home'), installDir: at('install'), tftpDir: '/tftpboot' },
    ...{ correlation: '', spec, signal: new AbortController().signal },
    log: () => undefined,
    progress: () => undefined,
  };
};
const specOf = (synclists: readonly string[]) => ({
  ...{ image: 'img', pkglist: [], otherpkglist: [], exlist: [], postinstall: [], environment: {} },
  synclists,
});

/** What packing would put into an image. */
async function applied(lists: readonly string[], brought: boolean, name: string) {
  mkdirSync(at(name), { recursive: true });
  const additions = new Additions(at('tree'), survey(at('tree'), compile('nothing')), at(name));
  const remarks = await applySynclists(lists, at('tree'), additions, brought);
  const list = additions.list();
  const contents = list.map(({ kind, path }) => (kind === 'file' ? readFileSync(at(name, path), 'utf8') : ''));
  return { remarks, list, contents, nodeFiles: additions.nodeFiles() };
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hostler-sync-'));
  put('tree/sbin/init', '');
  put('tree/etc/passwd', 'root:x:0:0:old:/root:/bin/sh\n');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe.skipIf(process.getuid?.() !== 0)('synclists of the management node on another machine', () => {
  it('put the same into an image as they would there', async () => {
    put('mn/open', 'open');
    put('mn/secret', 'secret', 0o600);
    put('mn/folder/deep/file', 'deep', 0o755);
    put('mn/folder/closed/key', 'key');
    chmodSync(at('mn/folder/closed'), 0o700);
    symlinkSync('/nowhere/at/all', at('mn/folder/link'));
    put('mn/accounts', 'eve:x:1000:1000::/:/bin/sh\n');
    const list = put(
      'mn/list',
      [
        `${at('mn')}/[os]* -> /etc/site/`,
        `${at('mn/folder')} -> /opt/folder`,
        `${at('mn/none')}* -> /etc/none/`,
        `${at('mn/open')} -> (node1) /etc/own`,
        'EXECUTE:',
        '/x.post',
        'APPEND:',
        `${at('mn/open')} -> /etc/motd`,
        'MERGE:',
        `${at('mn/accounts')} -> /etc/passwd`,
        '',
      ].join('\n'),
    );
    const here = await applied([list], false, 'here');
    const { blob } = (await buildLists.run(context('gather', specOf([list])))) as BuildListsResult;
    // There, nothing of it is under these names.
    rmSync(at('mn'), { recursive: true });
    const spec = { image: 'img', synclists: [list], lists: { blob, from: { agent: 'mn', endpoints: [] } } };
    const told = (await withBroughtLists(spec, context('pack'))) as { synclists: string[]; broughtSynclists: boolean };
    expect(told.broughtSynclists).toBe(true);
    const [brought = ''] = told.synclists;
    expect(brought.startsWith(at('pack'))).toBe(true);
    const there = await applied(told.synclists, true, 'there');
    expect(there.list).toEqual(here.list);
    expect(there.contents).toEqual(here.contents);
    expect(there.nodeFiles).toEqual(here.nodeFiles);
    expect(there.remarks.map((line) => line.replaceAll(brought, list))).toEqual(here.remarks);
    expect(here.list.length).toBeGreaterThan(6);
    expect(here.nodeFiles?.files.map(({ path }) => path)).toEqual(['/etc/site/secret', '/opt/folder/closed/key']);
  });

  it.each([
    ['the list', (list: string) => rmSync(list), /list cannot be read on the management node either/],
    ['a file of it', () => rmSync(at('mn/open')), /open cannot be read on the management node either/],
    ['too much', () => put('mn/open', 'x'.repeat(17 << 20)), /longer than 16 MiB together. .*--nosyncfiles/],
    ['no synclist', (list: string) => writeFileSync(list, 'nonsense\n'), /line 1: "nonsense" is not/],
  ])('%s is told', async (_, act, message) => {
    put('mn/open', 'open');
    const list = put('mn/list', `${at('mn/open')} -> /etc/open\n`);
    act(list);
    await expect(buildLists.run(context('gather', specOf([list])))).rejects.toThrow(message);
  });

  const look = { mode: 0o644, uid: 0, gid: 0, time: when };
  const file = (name: string) => ({ ...look, name, kind: 'file', content: '' });
  it.each([
    ['a path', [[file('../out')]]],
    ['..', [[file('..')]]],
    ['an absolute path', [[file('/tmp/hostler-out')]]],
    ['no name', [[file('')]]],
    ['a device', [[{ ...look, name: 'null', kind: 'device' }]]],
    [
      'two of one name, the first a link',
      [
        [
          {
            ...look,
            name: 'f',
            kind: 'folder',
            children: [{ ...look, name: 'a', kind: 'link', target: '/tmp/hostler-out' }, file('a')],
          },
        ],
      ],
    ],
    ['no lists', ['x']],
  ])('a bundle with %s writes nothing elsewhere', async (_, entries) => {
    mkdirSync(at('place/inner'), { recursive: true });
    await expect(layOutSynclist({ text: '', entries }, at('place/inner/0'))).rejects.toThrow();
    expect(readdirSync(at('place'))).toEqual(['inner']);
    expect(existsSync('/tmp/hostler-out')).toBe(false);
  });
});
