import { chmod, copyFile, cp, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeInitrd } from '../../agent/tasks/image-build/initrd/make.ts';
import { writeBuildRecord } from '../../agent/tasks/image-tree/build-record.ts';
import { run } from '../../shared/process/run.ts';
import { labKernel } from './tiny-image.ts';

/** Seconds since the epoch: of every file, so that two trees of the same files are the same. */
export const smallTime = 1_700_000_000;

/**
 * An image folder as genimage would leave it, made in a moment: busybox, a process 1 of three lines, accounts, a
 * package database. `bootable`: with this machine's Node, its openssl (and `programs`), the agent, a kernel of the distribution and our
 * initrd; else kernel and initrd are a few bytes.
 */
export async function smallImage(
  rootimgdir: string,
  options: { readonly bootable?: string; readonly programs?: readonly string[] } = {},
): Promise<string> {
  const tree = join(rootimgdir, 'rootimg');
  const put = async (path: string, text: string, mode = 0o644): Promise<void> => {
    const file = join(tree, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    await chmod(file, mode);
  };
  await put('sbin/init', init, 0o755);
  await put('etc/hostname', 'small\n');
  await put('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
  await put('etc/shadow', 'root:*:1::::::\n', 0o640);
  await put(
    'var/lib/dpkg/status',
    status([
      ['bash', '5.2-1'],
      ['libc6', '2.36-9'],
    ]),
  );
  for (const folder of ['proc', 'sys', 'dev', 'run', 'tmp', 'bin'])
    await mkdir(join(tree, folder), { recursive: true });
  await copyFile('/bin/busybox', join(tree, 'bin/busybox'));
  await symlink('busybox', join(tree, 'bin/sh'));
  let kernelver = '6.1.0-small';
  if (options.bootable === undefined) {
    await writeFile(join(rootimgdir, 'kernel'), 'kernel');
    await writeFile(join(rootimgdir, 'initrd-stateless.zst'), 'initrd');
  } else {
    const kernel = await labKernel();
    kernelver = kernel.version;
    for (const program of [process.execPath, '/usr/bin/openssl', ...(options.programs ?? [])])
      await takeAlong(program, tree);
    await mkdir(join(tree, 'usr/bin'), { recursive: true });
    if (process.execPath !== '/usr/bin/node') await symlink(process.execPath, join(tree, 'usr/bin/node'));
    await mkdir(join(tree, 'opt/hostler'), { recursive: true });
    await copyFile(options.bootable, join(tree, 'opt/hostler/hostler-agent'));
    await copyFile(kernel.file, join(rootimgdir, 'kernel'));
    await mkdir(join(tree, 'lib/modules'), { recursive: true });
    const modules = join('lib/modules', kernelver);
    await cp(join(kernel.root, modules), join(tree, modules), { recursive: true });
    const output = join(rootimgdir, 'initrd-stateless.zst');
    const { signal } = new AbortController();
    await makeInitrd({ root: tree, kernelver, output, netdrivers: [], signal, log: () => undefined });
    // What a node of this kind needs is in the initrd.
    await run('rm', ['-rf', join(tree, modules)]);
  }
  await sameTimes(tree);
  await writeBuildRecord(rootimgdir, { format: 1, key: 'small', kernelver, arch: 'x86_64' });
  return tree;
}

export function status(packages: readonly (readonly [name: string, version: string])[]): string {
  return packages
    .map(
      ([name, version]) => `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n`,
    )
    .join('\n');
}

/** Process 1 of a small image: what the agent needs, then the agent, then nothing. */
const init = `#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin
mount -t tmpfs tmp /tmp
echo "small: init runs" >/dev/console
node /opt/hostler/hostler-agent --boot >/dev/console 2>&1
echo "small: the agent ended with $?" >/dev/console
poweroff -f
`;

async function takeAlong(program: string, tree: string): Promise<void> {
  const { stdout } = await run('ldd', [program], { allowExit: 'any' });
  const libraries = [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(/gm)].map((match) => match[1] ?? '');
  for (const file of [program, ...libraries]) {
    await mkdir(join(tree, dirname(file)), { recursive: true });
    await copyFile(file, join(tree, file));
  }
}

async function sameTimes(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) await sameTimes(file);
    else if (!entry.isSymbolicLink()) await utimes(file, smallTime, smallTime);
    else await run('touch', ['--no-dereference', `--date=@${smallTime}`, file]);
  }
  await utimes(folder, smallTime, smallTime);
}
