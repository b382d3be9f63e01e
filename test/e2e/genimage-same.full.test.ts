// Real builds with nothing in common but their inputs give the same tree, byte for byte. bound: 1300 s
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEntries, sameEntry } from '../../agent/tasks/image-tree/entries.ts';
import type { Entry } from '../../agent/tasks/image-tree/entries.ts';
import { which } from '../../shared/process/which.ts';
import { fakeTimeLibrary, laterBy } from '../lab/another-day.ts';
import { ImageTasks } from '../lab/image-tasks.ts';

const why =
  process.getuid?.() === 0
    ? ['mmdebstrap', 'zstd', 'getfattr', 'mksquashfs'].find((name) => which(name) === undefined)
    : 'root';

describe.skipIf(why !== undefined)(why === undefined ? 'the same inputs' : `the same inputs (needs ${why})`, () => {
  let dir = '';
  let list = '';
  let script = '';
  let one: ImageTasks;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'hostler-same-'));
    writeFileSync(join(dir, 'agent'), 'console.log(1)\n');
    list = join(dir, 'pkglist');
    script = join(dir, 'postinstall');
    // Says which day it is, here and for programs of the image, and leaves none of it in the image.
    writeFileSync(
      script,
      [
        '#!/bin/sh',
        'set -e',
        'mount -t tmpfs tmp "$1/tmp"',
        'mount --rbind /dev "$1/dev"',
        '[ -z "${LATER_LIBRARY-}" ] || cp "$LATER_LIBRARY" "$1/tmp/later.so"',
        'echo "here $(date +%F)"',
        'echo "inside $(chroot "$1" date +%F)"',
        'chroot "$1" useradd --system made-by-script',
        '',
      ].join('\n'),
      { mode: 0o755 },
    );
    one = new ImageTasks(join(dir, 'home'), { HOSTLER_AGENT_PROGRAM: join(dir, 'agent') });
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  // The last brings a user of its own, whose number depends on the order: it must not go on top.
  const packages = ['iputils-ping less', 'tree', 'file', 'openssh-server'];
  const spec = () => ({ pkglist: [list], postinstall: [script] });
  const entries = async (folder: string): Promise<Map<string, Entry>> =>
    new Map(
      (await readEntries(join(dir, folder, 'rootimg'), new AbortController().signal)).map((entry) => [
        entry.path,
        entry,
      ]),
    );
  const differences = async (one: string, other: string): Promise<string[]> => {
    const [a, b] = [await entries(one), await entries(other)];
    expect(a.size).toBeGreaterThan(10_000);
    return [...new Set([...a.keys(), ...b.keys()])].filter((path) => {
      const [x, y] = [a.get(path), b.get(path)];
      return x === undefined || y === undefined || !sameEntry(x, y);
    });
  };
  /** The package files that are here already, so that nothing need be fetched again. */
  const takePackages = (home: string): void => {
    if (!existsSync(join(dir, 'home/cache/debs'))) return;
    mkdirSync(join(dir, home, 'cache'), { recursive: true, mode: 0o700 });
    cpSync(join(dir, 'home/cache/debs'), join(dir, home, 'cache/debs'), { recursive: true, preserveTimestamps: true });
  };

  it('packages added one after the other, or all at once elsewhere under another umask: no difference', async () => {
    const counts: string[] = [];
    for (const more of packages) {
      writeFileSync(list, `${more.replaceAll(' ', '\n')}\n`, { flag: 'a' });
      const task = await one.build(join(dir, 'one'), spec());
      await task.result;
      counts.push(...task.logs.filter((line) => /^packages: (?:\d+ packages on top|a package changed)/.test(line)));
    }
    expect(counts.join('\n')).toMatch(/^packages: 1 packages on top.*\npackages: \d+ packages on top/);
    const two = new ImageTasks(join(dir, 'other-home'), { HOSTLER_AGENT_PROGRAM: join(dir, 'agent') });
    takePackages('other-home');
    const mask = process.umask(0o077);
    try {
      await (
        await two.build(join(dir, 'two'), spec())
      ).result;
    } finally {
      process.umask(mask);
    }
    expect(await differences('one', 'two')).toEqual([]);
    // And so do the packed versions, with kernel, initrd, bill of materials and manifest.
    const [packedOne, packedTwo] = [await one.pack(join(dir, 'one')), await two.pack(join(dir, 'two'))];
    expect(await packedTwo.result).toEqual(await packedOne.result);
  }, 900_000);

  it('400 days later: no difference (needs faketime)', async (context) => {
    const library = await fakeTimeLibrary();
    if (library === undefined) return context.skip('needs faketime');
    writeFileSync(list, `${packages.join('\n').replaceAll(' ', '\n')}\n`);
    // Both by the same means: the hooks that bring the library keep mmdebstrap from making its device nodes.
    const buildOn = async (days: number): Promise<ImageTasks> => {
      const folder = `after${days}`;
      const later = laterBy(days, join(dir, `${folder}-programs`), library, join(dir, folder, 'rootimg'));
      const tasks = new ImageTasks(join(dir, `${folder}-home`), {
        HOSTLER_AGENT_PROGRAM: join(dir, 'agent'),
        ...later,
      });
      takePackages(`${folder}-home`);
      const task = await tasks.build(join(dir, folder), spec());
      await task.result;
      const day = new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 7);
      const said = task.logs.filter((line) => line.includes('/postinstall: ')).join('\n');
      expect(said).toContain(`here ${day}`);
      expect(said).toContain(`inside ${day}`);
      return tasks;
    };
    const today = await buildOn(0);
    const later = await buildOn(400);
    expect(await differences('after0', 'after400')).toEqual([]);
    expect(readFileSync(join(dir, 'after400/rootimg/etc/shadow'), 'utf8')).toMatch(/^made-by-script:/m);
    const [packedToday, packedLater] = [await today.pack(join(dir, 'after0')), await later.pack(join(dir, 'after400'))];
    expect(await packedLater.result).toEqual(await packedToday.result);
  }, 900_000);
});
