// An image for aarch64 is built on a machine that is none, and boots up to its agent's hello. bound: 900 s, with virtual machines
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archWord } from '../../agent/facts/system.ts';
import { CrossSite, lackFor } from '../lab/cross-image.ts';
import { debianMedium, makeDeb } from '../lab/media.ts';

const arch = 'aarch64';
const lack = archWord() === arch ? `a machine that is not ${arch}` : lackFor(arch);

describe.skipIf(lack !== undefined)(
  lack === undefined ? 'other architectures' : `other architectures (needs ${lack})`,
  () => {
    let site: CrossSite;
    beforeAll(async () => {
      site = await CrossSite.open();
    }, 60_000);
    afterAll(() => site.close());

    it('an architecture that nothing here runs is refused before anything is begun, with what to do', async () => {
      const entry = '/proc/sys/fs/binfmt_misc/qemu-s390x';
      const known = existsSync(entry);
      if (known) writeFileSync(entry, '0');
      try {
        await site.define('mainframe', 's390x');
        const { exit, stderr } = await site.command('genimage', ['mainframe']);
        expect(exit).toBe(1);
        expect(stderr).toMatch(
          /cannot run programs of s390x, .* qemu-s390x .*(?:Install qemu-user-static|update-binfmts --enable)/,
        );
        expect(existsSync(join(site.dir, 'mainframe/rootimg'))).toBe(false);
      } finally {
        if (known) writeFileSync(entry, '1');
      }
    });

    it('so is a medium of another architecture', async () => {
      const medium = join(site.dir, 'medium');
      await makeDeb(join(medium, 'pool/main'), 'lab-app');
      const info = 'Debian GNU/Linux 12.5.0 "Bookworm" - Official amd64 DVD Binary-1\n';
      await debianMedium(medium, { info, codename: 'bookworm' });
      await site.define('wrong', arch, [`pkgdir=${medium}`]);
      const { exit, stderr } = await site.command('genimage', ['wrong']);
      expect(exit).toBe(1);
      expect(stderr).toContain(
        `pkgdir ${medium} holds packages for amd64 and none for arm64. Copy a medium for ${arch} (copycds), or name the address of a repository that has them.`,
      );
    });

    it('genimage builds one, unpacked by this machine, and it boots to the hello of its agent', async () => {
      await site.define('arm', arch);
      const built = await site.done('genimage', 'arm');
      expect(built.stdout).toContain('the initial ramdisk for stateless is generated successfully.');
      const tree = join(site.dir, 'arm/rootimg');
      const machine = (path: string): number => readFileSync(join(tree, path)).readUInt16LE(18);
      // EM_AARCH64
      expect([machine('usr/bin/dash'), machine('usr/bin/tar'), machine('usr/bin/node')]).toEqual([183, 183, 183]);
      expect(existsSync(join(tree, 'run/hostler-native'))).toBe(false);
      expect(existsSync(join(tree, 'boot/initrd.img'))).toBe(false);
      const again = await site.done('genimage', 'arm');
      expect(again.stdout).toContain('is up to date');
      await site.done('packimage', 'arm');
      const tested = await site.done('hostler', 'image', 'test', 'arm');
      expect(tested.stdout).toMatch(/hello/);
    }, 900_000);
  },
);
