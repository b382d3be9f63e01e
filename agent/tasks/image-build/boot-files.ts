import { createHash } from 'node:crypto';
import { copyFile, lstat, open, readFile, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../../shared/files/durable.ts';
import { run } from '../../../shared/process/run.ts';
import type { Entry } from '../image-tree/entries.ts';
import { kernelOf } from '../image-tree/kernel.ts';
import type { TaskContext } from '../types.ts';
import type { CpioEntry } from './initrd/cpio.ts';
import { initrdFormat, makeInitrd, ownBusybox } from './initrd/make.ts';
import type { LayerCache } from './layers/cache.ts';
import type { Build } from './spec.ts';
import type { Stages } from './stages.ts';

/** Names of what a node loads before its image, in `<rootimgdir>`. */
const kernelName = 'kernel';
const initrdName = 'initrd-stateless.zst';
const recordName = '.boot.json';

/** What of a tree an initrd is made of: modules and their tables, firmware, busybox. */
const partOfInitrd = /^\.\/(?:usr\/)?(?:lib\/(?:modules|firmware)\/|s?bin\/busybox(?:[-.]static)?$)/;

/** Where a file of `<rootimgdir>` came from, and how it looked when it was put there. */
interface Placed {
  readonly key: string;
  readonly stamp: readonly number[];
}

/**
 * `<rootimgdir>/kernel` and the initrd, each replaced by one rename, and only when it would be another. An initrd is kept
 * in the cache under the key of all that decides it. `entries`: the tree as it is, edits included; without, it is made
 * whatever was there.
 */
export async function makeBootFiles(
  build: Build,
  tree: string,
  entries: ReadonlyMap<string, Entry> | undefined,
  cache: LayerCache,
  stages: Stages,
  context: TaskContext,
): Promise<string> {
  const kernel = await kernelOf(tree, build.release.kernelFile[build.arch] ?? 'vmlinuz', build.kernelver);
  const input = await inputOf(build, kernel.version, entries, context);
  const key = input === undefined ? undefined : digest(input);
  const placed = await readPlaced(build.rootimgdir);
  const target = join(build.rootimgdir, initrdName);
  const kept = key === undefined ? undefined : join(cache.boots, key);
  const standing = key !== undefined && !build.fresh && (await isPlaced(target, placed[initrdName], key));
  let initrd = placed[initrdName];
  if (standing) stages.note('initrd', 0, true);
  else {
    await stages.run('initrd', 'making the initrd', async () => {
      const temporary = `${target}.new-${process.pid}`;
      try {
        if (kept !== undefined && !build.fresh && (await exists(kept))) {
          await copyFile(kept, temporary);
          const now = new Date();
          await utimes(kept, now, now).catch(() => {});
          context.log('initrd: as an earlier build made it of the same modules.');
        } else {
          const made = await makeInitrd({
            root: tree,
            kernelver: kernel.version,
            output: temporary,
            netdrivers: build.netdrivers,
            signal: context.signal,
            log: (line) => context.log(line),
            more: {
              folders: [],
              names: build.release.drivers[build.arch] ?? [],
              entries: build.rootlimit === '' ? [] : [rootSize(build.rootlimit)],
            },
          });
          const { modules, bytes } = made;
          context.log(
            `the initial ramdisk for stateless is generated successfully: ${modules} modules, ${bytes} bytes.`,
          );
          if (kept !== undefined) await keep(temporary, kept);
        }
        await rename(temporary, target);
      } finally {
        await rm(temporary, { force: true });
      }
    });
    initrd = { key: key ?? '', stamp: await stampOf(target) };
  }
  const kernelKey = digest(await readFile(kernel.file));
  const kernelTarget = join(build.rootimgdir, kernelName);
  let kernelPlaced = placed[kernelName];
  if (!(await isPlaced(kernelTarget, kernelPlaced, kernelKey))) {
    await putKernel(kernel.file, kernelTarget);
    kernelPlaced = { key: kernelKey, stamp: await stampOf(kernelTarget) };
  }
  const record = { [initrdName]: initrd, [kernelName]: kernelPlaced };
  if (JSON.stringify(record) !== JSON.stringify(placed))
    await replaceFile(join(build.rootimgdir, recordName), `${JSON.stringify(record)}\n`, 0o644);
  return kernel.version;
}

async function inputOf(
  build: Build,
  kernelver: string,
  entries: ReadonlyMap<string, Entry> | undefined,
  context: TaskContext,
): Promise<string | undefined> {
  if (entries === undefined) return undefined;
  const parts: (readonly string[])[] = [];
  for (const { path, kind, content } of entries.values()) {
    const match = partOfInitrd.test(path);
    const modules = /^\.\/(?:usr\/)?lib\/modules\/([^/]+)/.exec(path)?.[1];
    if (match && kind !== 'd' && (modules === undefined || modules === kernelver)) parts.push([path, kind, content]);
  }
  const { stdout } = await run('zstd', ['--version'], { signal: context.signal });
  const hasBusybox = parts.some(([path]) => path?.includes('bin/busybox') === true);
  const own = hasBusybox ? undefined : await ownBusybox();
  return JSON.stringify([
    [initrdFormat, build.arch, kernelver, build.netdrivers, build.release.drivers[build.arch] ?? [], build.rootlimit],
    [stdout.trim(), own === undefined ? '' : digest(own), parts.sort(byPath)],
  ]);
}

/** What init.sh takes for the limit of the writable layer. */
function rootSize(limit: string): CpioEntry {
  return { path: 'etc/rootsize', kind: 'file', content: Buffer.from(`${limit}\n`) };
}

function byPath(a: readonly string[], b: readonly string[]): number {
  return (a[0] ?? '') < (b[0] ?? '') ? -1 : 1;
}

async function keep(file: string, kept: string): Promise<void> {
  const temporary = `${kept}.${process.pid}.tmp`;
  try {
    await copyFile(file, temporary);
    await rename(temporary, kept);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function putKernel(file: string, target: string): Promise<void> {
  const temporary = `${target}.new-${process.pid}`;
  try {
    await copyFile(file, temporary);
    const handle = await open(temporary, 'r+');
    await handle.chmod(0o644);
    await handle.sync();
    await handle.close();
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function isPlaced(file: string, placed: Placed | undefined, key: string): Promise<boolean> {
  if (placed?.key !== key || !(await exists(file))) return false;
  const now = await stampOf(file);
  return now.every((value, index) => value === placed.stamp[index]);
}

/** Not the time of change: the cache may let go of its link. */
async function stampOf(file: string): Promise<number[]> {
  const { ino, size, mtimeMs } = await lstat(file);
  return [ino, size, mtimeMs];
}

async function readPlaced(rootimgdir: string): Promise<Partial<Record<string, Placed>>> {
  try {
    return JSON.parse(await readFile(join(rootimgdir, recordName), 'utf8')) as Partial<Record<string, Placed>>;
  } catch {
    return {}; // nothing was put there yet
  }
}

async function exists(file: string): Promise<boolean> {
  return (await lstat(file).catch(() => undefined)) !== undefined;
}

function digest(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
