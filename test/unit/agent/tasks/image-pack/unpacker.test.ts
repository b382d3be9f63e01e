import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addUnpacker, unpackerFor } from '../../../../../agent/tasks/image-pack/unpacker.ts';
import { run } from '../../../../../shared/process/run.ts';
import { which } from '../../../../../shared/process/which.ts';

const { signal } = new AbortController();
let tree = '';
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'unpacker-'));
  take('/bin/sh', 'bin/sh');
});
afterEach(() => rmSync(tree, { recursive: true, force: true }));

function take(from: string, to = from): void {
  mkdirSync(dirname(join(tree, to)), { recursive: true });
  copyFileSync(from, join(tree, to));
}

/** The loader and the libraries of a program of this machine. */
async function takeLibraries(program: string): Promise<void> {
  const { stdout } = await run('ldd', [program]);
  for (const [, file = ''] of stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(/gm)) take(file);
}

/** As this machine has it, but for another kind of machine. */
function foreign(program: string, to: string): void {
  const content = readFileSync(program);
  content.writeUInt16LE(183, 18);
  mkdirSync(dirname(join(tree, to)), { recursive: true });
  writeFileSync(join(tree, to), content, { mode: 0o755 });
}

describe('what unpacks an image on a node', () => {
  it.each([
    ['squashfs', 'zstd'],
    ['squashfs', 'lz4'],
    ['cpio', 'xz'],
    ['tar', 'pigz'],
    ['tar', 'gzip'],
  ] as const)('nothing more than kernel and busybox: %s with %s', async (method, compress) => {
    expect([...(await unpackerFor(tree, method, compress))]).toEqual([]);
  });

  it.skipIf(which('zstd') === undefined || which('ldd') === undefined)(
    'the program of the image, else the one of this machine; both run with nothing but what the initrd gets',
    async () => {
      const zstd = which('zstd') ?? '';
      const own = await unpackerFor(tree, 'cpio', 'zstd');
      take(zstd, 'usr/bin/zstd');
      await takeLibraries(zstd);
      const altered = join(tree, 'usr/bin/zstd');
      writeFileSync(altered, Buffer.concat([readFileSync(altered), Buffer.from('of the image')]));
      const ofImage = await unpackerFor(tree, 'cpio', 'zstd');
      expect(ofImage.get('program')?.length).toBe((own.get('program')?.length ?? 0) + 'of the image'.length);
      for (const [at, unpacker] of [own, ofImage].entries()) {
        const initrd = join(tree, `initrd${String(at)}`);
        writeFileSync(initrd, '');
        await addUnpacker(initrd, unpacker, signal);
        const root = join(tree, `root${String(at)}`);
        mkdirSync(root);
        await run('sh', ['-c', 'zstd -q -d -c "$1" | cpio --extract --quiet', 'sh', initrd], { cwd: root });
        const put = (name: string): string => join(root, 'lib/unpack', name);
        const argv = existsSync(put('ld.so')) ? [put('ld.so'), '--library-path', put('')] : [];
        const packed = spawnSync('zstd', ['-q', '-c'], { input: 'all of it' }).stdout;
        const [program, ...args] = [...argv, put('program'), '-q', '-d', '-c'];
        expect(spawnSync(program, args, { input: packed }).stdout.toString()).toBe('all of it');
      }
    },
  );

  it.each(['zstd', 'lz4'] as const)('is refused where no %s for its architecture is at hand', async (compress) => {
    foreign('/bin/sh', 'bin/sh');
    await expect(unpackerFor(tree, 'tar', compress)).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringMatching(
        new RegExp(`Add the package ${compress} to the pkglist .* packimage -c pigz`),
      ) as string,
    });
  });

  it.skipIf(which('zstd') === undefined)('is not taken without its libraries', async () => {
    foreign('/bin/sh', 'bin/sh');
    foreign(which('zstd') ?? '', 'usr/bin/zstd');
    await expect(unpackerFor(tree, 'cpio', 'zstd')).rejects.toThrow('no zstd that the initrd could run');
  });

  it('adds nothing to an initrd that needs nothing', async () => {
    const initrd = join(tree, 'initrd');
    writeFileSync(initrd, 'x');
    await addUnpacker(initrd, new Map(), signal);
    expect(statSync(initrd).size).toBe(1);
  });
});
