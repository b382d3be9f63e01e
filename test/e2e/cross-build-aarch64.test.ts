// An image for aarch64 is built on a machine that is none, and boots up to its agent's hello: the commands of the README.
// bound: 900 s, with virtual machines
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archWord } from '../../agent/facts/system.ts';
import { mountsBelow } from '../../agent/tasks/image-tree/folder.ts';
import { consolesOf, CrossSite, lackFor, shareCaches } from '../lab/cross-image.ts';
import { debianMedium, makeDeb } from '../lab/media.ts';
import { dist } from '../tools/real-manager.ts';
import { root } from '../tools/step.ts';

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
        const began = Date.now();
        const { exit, stderr } = await site.command('genimage', ['mainframe']);
        // Within a second of work; the rest is what a busy machine adds.
        expect(Date.now() - began).toBeLessThan(10_000);
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

    it('the commands of the README make one, unpacked by this machine, and boot it to the hello of its agent', async () => {
      const said = await type(commandsOf('An image for another architecture'), site.dir);
      expect(said.text).toContain('the initial ramdisk for stateless is generated successfully.');
      expect(said.text).toMatch(/The image is arm@[0-9a-f]{12}/);
      expect(said.text).toMatch(/hello/);
      expect(said.exit, said.text).toBe(0);
      // By the image's own openssl, which is no program of this machine.
      expect(await consolesOf(join(site.dir, 'try/agent'))).toContain('the signature of the image is right');
      const tree = join(site.dir, 'arm/rootimg');
      const machine = (path: string): number => readFileSync(join(tree, path)).readUInt16LE(18);
      // EM_AARCH64
      expect(['dash', 'tar', 'node', 'ssh'].map((name) => machine(`usr/bin/${name}`))).toEqual([183, 183, 183, 183]);
      expect(existsSync(join(tree, 'run/hostler-native'))).toBe(false);
      expect(existsSync(join(tree, 'boot/initrd.img'))).toBe(false);
      expect(await mountsBelow(site.dir)).toEqual([]);
    }, 840_000);
  },
);

/** The lines of the first block below that heading. */
function commandsOf(heading: string): string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [, block = ''] = /^```sh\n([\s\S]*?)^```$/m.exec(readme.slice(readme.indexOf(`\n## ${heading}`))) ?? [];
  return block.trim().split(/(?<!\\)\n/);
}

/** Types them in one shell, where dist is; the manager that they start is stopped in the end. */
async function type(
  lines: readonly string[],
  folder: string,
): Promise<{ readonly exit: number; readonly text: string }> {
  await symlink(dist, join(folder, 'dist'));
  await shareCaches(join(folder, 'try/agent'));
  const script = [
    'trap \'kill "$!"; wait "$!"\' EXIT',
    // A person looks until it is there.
    ...lines.map((line) =>
      line.startsWith('hostler agents')
        ? 'for try in $(seq 60); do hostler agents 2>&1 | grep connected && break; sleep 0.5; done'
        : line,
    ),
  ];
  const child = spawn('sh', ['-ec', script.join('\n')], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 800_000,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => (said += piece));
  const [exit] = (await once(child, 'close')) as [number | null];
  return { exit: exit ?? -1, text: said };
}
