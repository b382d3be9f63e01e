import { createHash } from 'node:crypto';
import { copyFile, lstat, mkdir, open, readFile, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { run } from '../../../shared/process/run.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { inside } from '../image-tree/inside.ts';
import { kernelOf } from '../image-tree/kernel.ts';
import type { TaskContext } from '../types.ts';
import type { TreePart } from './parts.ts';
import type { Build } from './spec.ts';

/**
 * Drivers out of packages (osimage.driverupdatesrc): their modules go to `updates/` of the image's kernel, where they come
 * before those that the kernel brought. Modules of another kernel are left out, unless --ignorekernelchk says to take them.
 */
export const driversPart: TreePart = {
  name: 'drivers',
  // Without a source nothing is done, whatever else is asked.
  input: async (build) =>
    sources(build).length === 0
      ? []
      : [1, build.ignorekernelchk, build.kernelver, await Promise.all(sources(build).map(fileInput))],
  apply: async (root, build, context) => {
    if (sources(build).length === 0) return;
    const kernel = await kernelOf(root, build.release.kernelFile[build.arch] ?? 'vmlinuz', build.kernelver);
    let taken = 0;
    for (const [index, source] of sources(build).entries()) {
      const folder = join(context.dir, `drivers-${index}`);
      try {
        await mkdir(folder, { recursive: true });
        await unpack(source, folder, context);
        for (const module of await modulesBelow(folder, '')) {
          const own = /(?:^|\/)lib\/modules\/([^/]+)\//.exec(module)?.[1];
          if (own !== kernel.version && !build.ignorekernelchk) {
            context.log(
              `Warning: ${basename(module)} of ${source} is for the kernel ${own ?? 'of nobody'}: left out (--ignorekernelchk takes it).`,
            );
            continue;
          }
          const target = await inside(root, `lib/modules/${kernel.version}/updates/${basename(module)}`);
          await mkdir(dirname(target), { recursive: true, mode: 0o755 });
          await copyFile(join(folder, module), target);
          taken += 1;
          context.log(`${basename(module)} of ${source} goes into the image.`);
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
    if (taken > 0) await run('depmod', ['-b', await inside(root, '.'), kernel.version], { signal: context.signal });
  },
};

/** Path with its kind in front: `rpm:/drivers/kmod-x.rpm`. */
function sources(build: Build): readonly string[] {
  return build.driverupdatesrc;
}

async function fileInput(source: string): Promise<Json> {
  const path = source.slice(4);
  const content = await readFile(path).catch(() => undefined);
  if (content === undefined)
    throw new HostlerError('not_found', `The driverupdatesrc specified '${path}' does not exist!`);
  return [source.slice(0, 3), createHash('sha256').update(content).digest('hex')];
}

async function unpack(source: string, folder: string, context: TaskContext): Promise<void> {
  const path = source.slice(4);
  const { signal } = context;
  if (source.startsWith('deb:')) {
    await run('dpkg-deb', ['--extract', path, folder], { signal });
    return;
  }
  const archive = `${folder}.cpio`;
  const handle = await open(archive, 'w+', 0o600);
  try {
    await run('rpm2cpio', [path], { stdoutTo: handle.fd, signal });
    const args = [
      '--extract',
      '--make-directories',
      '--no-absolute-filenames',
      '--quiet',
      '--preserve-modification-time',
    ];
    await run('cpio', [...args, '--file', archive], { cwd: folder, signal });
  } finally {
    await handle.close();
    await rm(archive, { force: true });
  }
}

/** Paths of kernel modules; links are not followed. */
async function modulesBelow(folder: string, path: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(folder, path), { withFileTypes: true })) {
    const inner = path === '' ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await modulesBelow(folder, inner)));
    else if (/\.ko(?:\.(?:xz|gz|zst))?$/.test(entry.name) && (await lstat(join(folder, inner))).isFile())
      found.push(inner);
  }
  return found.sort();
}
