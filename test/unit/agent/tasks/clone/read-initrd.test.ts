import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CpioNames, initrdContents, initrdPaths } from '../../../../../agent/tasks/clone/drivers/read-initrd.ts';
import { cpio } from '../../../../../agent/tasks/image-build/initrd/cpio.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'initrd-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function archive(...paths: string[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const entries = paths.map((path, index) => ({
    path,
    kind: 'file' as const,
    content: Buffer.alloc(index * 7 + 1, 'x'),
  }));
  for await (const piece of cpio(entries)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const read = (file: string) => initrdPaths(file, AbortSignal.timeout(10_000));

describe('an initramfs', () => {
  it('is read through all its archives: plain ones first, then a packed one', async () => {
    const file = join(dir, 'initrd');
    const early = await archive('kernel', 'kernel/x86/microcode.bin');
    await writeFile(
      file,
      Buffer.concat([early, Buffer.alloc(300), gzipSync(await archive('init', 'lib/a.ko', 'lib/b.ko'))]),
    );
    expect(await read(file)).toEqual(['kernel', 'kernel/x86/microcode.bin', 'init', 'lib/a.ko', 'lib/b.ko']);
  });

  it('is read whatever pieces it comes in', async () => {
    const whole = await archive('init', 'usr/lib/modules/6.1/kernel/fs/xfs.ko', 'a');
    for (const size of [1, 7, 110, 111, 1000]) {
      const names = new CpioNames();
      for (let at = 0; at < whole.length; at += size) names.push(whole.subarray(at, at + size));
      expect(names.found).toEqual(['init', 'usr/lib/modules/6.1/kernel/fs/xfs.ko', 'a']);
    }
  });

  it('gives the content of small files, the last of each path, in whatever pieces it comes', async () => {
    const file = join(dir, 'initrd');
    const first = await archive('a', 'conf/b', 'c');
    await writeFile(file, Buffer.concat([first, gzipSync(await archive('a', 'x', 'c'))]));
    const found = await initrdContents(file, 14, AbortSignal.timeout(10_000));
    expect([...(found?.small ?? [])].map(([path, { length }]) => [path, length])).toEqual([
      ['a', 1],
      ['conf/b', 8],
      ['x', 8],
    ]);
    for (const size of [1, 7, 110, 111]) {
      const names = new CpioNames(14);
      for (let at = 0; at < first.length; at += size) names.push(first.subarray(at, at + size));
      expect([...names.small.keys()]).toEqual(['a', 'conf/b']);
      expect(names.found).toEqual(['a', 'conf/b', 'c']);
    }
  });

  it('that is packed in an unknown way is not guessed at', async () => {
    const file = join(dir, 'initrd');
    await writeFile(file, 'something else');
    expect(await read(file)).toBeUndefined();
  });
});
