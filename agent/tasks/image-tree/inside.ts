import { lstat, mkdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';

/** As the kernel's own limit; a loop of links ends here. */
const mostLinks = 40;

/**
 * Where a path of the image lies on this machine, its symbolic links followed as a process inside the image would:
 * an absolute link starts at the image's root, and nothing climbs above it. The last part need not exist.
 * `follow` false: a link in the last place is named, not followed.
 */
export async function inside(root: string, path: string, follow = true): Promise<string> {
  let rest = parts(path);
  let at = '/';
  let links = 0;
  while (rest.length > 0) {
    const [next = '', ...others] = rest;
    rest = others;
    if (next === '..') {
      at = posix.dirname(at);
      continue;
    }
    const here = posix.join(at, next);
    const target = follow || rest.length > 0 ? await linkTarget(join(root, here)) : undefined;
    if (target === undefined) {
      at = here;
      continue;
    }
    links += 1;
    if (links > mostLinks) {
      throw new HostlerError('failed_precondition', `Too many symbolic links on the way to ${path} in ${root}.`);
    }
    if (target.startsWith('/')) at = '/';
    rest = [...parts(target), ...rest];
  }
  return join(root, at);
}

/** Writes a file of the image, its folders made as needed; what stood there (also a link) is replaced. */
export async function writeInside(root: string, path: string, text: string | Uint8Array, mode = 0o644): Promise<void> {
  const file = await place(root, path);
  await writeFile(file, text, { mode, flag: 'wx' });
}

export async function linkInside(root: string, path: string, target: string): Promise<void> {
  await symlink(target, await place(root, path));
}

export async function removeInside(root: string, path: string): Promise<void> {
  await rm(await inside(root, path, false), { force: true, recursive: true });
}

/** Undefined when there is nothing; links followed inside the image. */
export async function existsInside(root: string, path: string): Promise<string | undefined> {
  const file = await inside(root, path);
  return (await lstat(file).catch(() => undefined)) === undefined ? undefined : file;
}

async function place(root: string, path: string): Promise<string> {
  const folder = await inside(root, posix.dirname(path));
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const file = join(folder, posix.basename(path));
  await rm(file, { force: true });
  return file;
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch {
    return undefined; // no link, or nothing there
  }
}
