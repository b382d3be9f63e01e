// Images that are archives, in every compression that busybox does not know, boot. bound: 900 s, with virtual machines
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageStatement, newSigningKey, publicKeyOf, signStatement } from '../../shared/identity/image-statement.ts';
import { which } from '../../shared/process/which.ts';
import { ImageTasks } from '../lab/image-tasks.ts';
import { smallImage } from '../lab/small-image.ts';
import { dist } from '../tools/real-manager.ts';

const needed = ['mksquashfs', 'cpio', 'zstd', 'lz4', 'qemu-system-x86_64'].filter((name) => which(name) === undefined);
const able = process.getuid?.() === 0 && process.arch === 'x64' && needed.length === 0;

describe.skipIf(!able)(`images that are archives${needed.map((name) => ` (needs ${name})`).join('')}`, () => {
  let home = '';
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'hostler-archives-'));
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  // The first is unpacked by the image's own program, the others by one of this machine.
  it.each([
    ['cpio', 'zstd', ['/usr/bin/zstd']],
    ['tar', 'lz4', []],
    ['tar', 'zstd', []],
    ['cpio', 'lz4', []],
  ] as const)(
    '%s with %s boots to the hello and its health script',
    async (method, compress, programs) => {
      const name = `${method}-${compress}`;
      const tasks = new ImageTasks(join(home, name), {});
      const rootimgdir = join(home, name, 'image');
      await smallImage(rootimgdir, { bootable: join(dist, 'hostler-agent'), programs });
      const privateKey = newSigningKey();
      const packed = await (await tasks.pack(rootimgdir, { method, compress, key: publicKeyOf(privateKey) })).result;
      expect(packed).toMatchObject({ method, compress, checked: true });
      const test = await tasks.test({
        version: 'small@test',
        arch: 'x86_64',
        method: packed.method,
        kernel: packed.kernel,
        initrd: packed.initrd,
        root: packed.root,
        manifest: packed.manifest.digest,
        signature: signStatement(imageStatement(packed.manifest.digest, packed.root.digest), privateKey),
        from: { agent: 'self', endpoints: [] },
        health: 'cat /proc/mounts\n',
        words: '',
        timeoutSeconds: 200,
      });
      const result = await test.result;
      // The whole of it is in memory, nothing lies below.
      expect(result.output).toMatch(/^root \/ tmpfs /m);
      const text = readFileSync(result.console, 'latin1');
      expect(text).toContain('the signature of the image is right');
      expect(text).toContain('small: init runs');
    },
    300_000,
  );
});
