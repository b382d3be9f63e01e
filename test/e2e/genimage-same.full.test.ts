// Two real builds with nothing in common but their inputs give the same tree, byte for byte. bound: 900 s
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEntries, sameEntry } from '../../agent/tasks/image-tree/entries.ts';
import type { Entry } from '../../agent/tasks/image-tree/entries.ts';
import { which } from '../../shared/process/which.ts';
import { ImageTasks } from '../lab/image-tasks.ts';

const why =
  process.getuid?.() === 0 ? ['mmdebstrap', 'zstd', 'getfattr'].find((name) => which(name) === undefined) : 'root';

describe.skipIf(why !== undefined)(why === undefined ? 'the same inputs' : `the same inputs (needs ${why})`, () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'hostler-same-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('packages added one after the other, or all at once elsewhere: no difference', async () => {
    writeFileSync(join(dir, 'agent'), 'console.log(1)\n');
    const list = join(dir, 'pkglist');
    const entries = async (folder: string): Promise<Map<string, Entry>> =>
      new Map(
        (await readEntries(join(dir, folder, 'rootimg'), new AbortController().signal)).map((one) => [one.path, one]),
      );
    const one = new ImageTasks(join(dir, 'home'), { HOSTLER_AGENT_PROGRAM: join(dir, 'agent') });
    const counts: string[] = [];
    // The last brings a user of its own, whose number depends on the order: it must not go on top.
    for (const more of ['iputils-ping less', 'tree', 'file', 'openssh-server']) {
      writeFileSync(list, `${more.replaceAll(' ', '\n')}\n`, { flag: 'a' });
      const task = await one.build(join(dir, 'one'), { pkglist: [list] });
      await task.result;
      counts.push(...task.logs.filter((line) => /^packages: (?:\d+ packages on top|a package changed)/.test(line)));
    }
    expect(counts.join('\n')).toMatch(/^packages: 1 packages on top.*\npackages: \d+ packages on top/);
    const two = new ImageTasks(join(dir, 'other-home'), { HOSTLER_AGENT_PROGRAM: join(dir, 'agent') });
    const mask = process.umask(0o077);
    try {
      await (
        await two.build(join(dir, 'two'), { pkglist: [list] })
      ).result;
    } finally {
      process.umask(mask);
    }
    const [a, b] = [await entries('one'), await entries('two')];
    const different = [...new Set([...a.keys(), ...b.keys()])].filter((path) => {
      const [x, y] = [a.get(path), b.get(path)];
      return x === undefined || y === undefined || !sameEntry(x, y);
    });
    expect(different).toEqual([]);
    expect(a.size).toBeGreaterThan(10_000);
    // And so do the packed versions, with kernel, initrd, bill of materials and manifest.
    const [packedOne, packedTwo] = [await one.pack(join(dir, 'one')), await two.pack(join(dir, 'two'))];
    expect(await packedTwo.result).toEqual(await packedOne.result);
  }, 900_000);
});
