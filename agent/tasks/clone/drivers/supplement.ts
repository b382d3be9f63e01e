import { copyFile, mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { run } from '../../../../shared/process/run.ts';
import { cpio } from '../../image-build/initrd/cpio.ts';
import type { CpioEntry } from '../../image-build/initrd/cpio.ts';
import { chooseModules, moduleName, readModuleTree } from '../../image-build/initrd/modules.ts';
import { existsInside, inside } from '../../image-tree/inside.ts';
import type { TaskContext } from '../../types.ts';
import { initrdPaths } from './read-initrd.ts';

/** Places of a kernel's initramfs, by the habits of distributions. */
const initrdNames = (version: string): string[] => [
  `boot/initrd.img-${version}`,
  `boot/initramfs-${version}.img`,
  `boot/initrd-${version}`,
];

export interface SupplementRequest {
  readonly tree: string;
  readonly kernelver: string;
  /** What a machine may need to reach its disks, as in image-build/initrd/drivers.ts. */
  readonly folders: readonly string[];
  readonly names: readonly string[];
  readonly context: TaskContext;
}

/**
 * Drivers of disks that the golden client's initramfs lacks (it was made for that machine), as an archive that the kernel
 * unpacks over it, for clones on other disks. Made here: to make an initramfs anew in the clone would take minutes.
 * Entries for the installer: `etc/drivers/cpio`, `list` (names of modules), `initrd` (path in the clone). None when
 * nothing is lacking, or the initramfs cannot be read: then that is said.
 */
export async function supplementEntries(request: SupplementRequest): Promise<readonly CpioEntry[]> {
  const { tree, kernelver, context } = request;
  const place = await initrdOf(tree, kernelver);
  if (place === undefined) {
    context.log(
      `Note: the kernel ${kernelver} of the golden client has no initramfs; its own drivers must do on clones.`,
    );
    return [];
  }
  const paths = await initrdPaths(place.file, context.signal);
  const base = paths
    ?.map((path) => /^(?:usr\/)?lib\/modules\/[^/]+(?=\/)/.exec(path)?.[0])
    .find((one) => one?.endsWith(`/${kernelver}`));
  if (paths === undefined || base === undefined) {
    context.log(`Warning: ${place.path} cannot be read; clones with other disks must find their drivers in it.`);
    return [];
  }
  const folder = await inside(tree, `lib/modules/${kernelver}`);
  const modules = await readModuleTree(folder);
  const there = new Set(paths.filter((path) => path.startsWith(`${base}/`)).map(moduleName));
  const wanted = chooseModules(modules, request).paths;
  const missing = wanted.filter((path) => !there.has(moduleName(path)));
  if (missing.length === 0) return [];
  const had = [...modules.needs.keys()].filter((path) => there.has(moduleName(path)));
  const tables = await tablesOf(folder, kernelver, [...had, ...missing], context);
  const own: CpioEntry[] = [];
  const folders = new Set<string>();
  const add = (path: string, content: Buffer): void => {
    for (const parent of parents(`${base}/${path}`)) {
      if (folders.has(parent)) continue;
      folders.add(parent);
      own.push({ path: parent, kind: 'folder' });
    }
    own.push({ path: `${base}/${path}`, kind: 'file', content });
  };
  for (const path of missing) add(path, await readFile(join(folder, path)));
  for (const [name, content] of tables) add(name, content);
  const pieces: Uint8Array[] = [];
  for await (const piece of cpio(own)) pieces.push(piece);
  const archive = Buffer.concat(pieces);
  context.log(
    `${place.path} lacks ${missing.length} drivers of disks: ${archive.length} bytes for clones that need one`,
  );
  const file = (name: string, content: Buffer): CpioEntry => ({ path: `etc/drivers/${name}`, kind: 'file', content });
  return [
    file('cpio', archive),
    file('list', Buffer.from(missing.map((path) => `${moduleName(path)}\n`).join(''))),
    file('initrd', Buffer.from(`/${place.path}\n`)),
  ];
}

/** The initramfs of a kernel in a tree: its path there, and the file. */
export async function initrdOf(tree: string, version: string): Promise<{ path: string; file: string } | undefined> {
  for (const path of initrdNames(version)) {
    const file = await existsInside(tree, path);
    if (file !== undefined) return { path, file };
  }
  return undefined;
}

/** modules.dep and the others for these modules, by depmod(8): programs of an initramfs read its binary forms. */
async function tablesOf(
  folder: string,
  kernelver: string,
  paths: readonly string[],
  context: TaskContext,
): Promise<Map<string, Buffer>> {
  const top = join(context.dir, 'depmod');
  const own = join(top, 'lib/modules', kernelver);
  try {
    await mkdir(own, { recursive: true });
    for (const path of paths) {
      await mkdir(dirname(join(own, path)), { recursive: true });
      await copyFile(join(folder, path), join(own, path));
    }
    for (const name of ['modules.order', 'modules.builtin', 'modules.builtin.modinfo'])
      await copyFile(join(folder, name), join(own, name)).catch(() => undefined);
    await run('depmod', ['-b', top, kernelver], { signal: context.signal });
    const names = (await readdir(own)).filter((name) => name.startsWith('modules.'));
    return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(own, name))] as const)));
  } finally {
    await rm(top, { recursive: true, force: true });
  }
}

/** Folders above a path, the highest first. */
function parents(path: string): string[] {
  const above = posix.dirname(path);
  return above === '.' ? [] : [...parents(above), above];
}
