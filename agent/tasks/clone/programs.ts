import { readFile, readlink, realpath, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { installHint } from '../../../shared/process/hints.ts';
import { run } from '../../../shared/process/run.ts';
import { which } from '../../../shared/process/which.ts';
import type { CpioEntry } from '../image-build/initrd/cpio.ts';

/** What an installer runs; taken from this machine, with the libraries that each needs. Package names: deploy/packages.txt */
export const installerPrograms: readonly string[] = [
  'btrfs',
  'curl',
  'lvm',
  'mdadm',
  'mkfs.btrfs',
  'mkfs.ext2',
  'mkfs.ext3',
  'mkfs.ext4',
  'mkfs.vfat',
  'mkfs.xfs',
  'mkswap',
  'sfdisk',
  'tar',
  'wipefs',
  'zstd',
];

/** Says all at once what has to be installed here. */
export function requirePrograms(): void {
  const missing = installerPrograms.filter((name) => which(name) === undefined);
  if (missing.length === 0) return;
  const hints = [...new Set(missing.map((name) => installHint(name)))].join('; ');
  throw new HostlerError(
    'failed_precondition',
    `Programs that an installer is made of are not on this machine: ${missing.join(', ')}. To do: ${hints}.`,
  );
}

/** The programs in /bin and their libraries where the loader looks for them, as entries of an initrd. */
export async function programEntries(signal: AbortSignal): Promise<readonly CpioEntry[]> {
  const entries = new Map<string, CpioEntry>();
  for (const name of installerPrograms) {
    const file = which(name);
    if (file === undefined) continue;
    entries.set(`bin/${name}`, { path: `bin/${name}`, kind: 'file', mode: 0o755, content: await readFile(file) });
    for (const library of await librariesOf(file, signal)) await addLibrary(library, entries);
  }
  return [...entries.values()];
}

/** ldd(1): `name => /path (0x...)`, and the loader itself as a path alone. */
export function parseLdd(output: string): string[] {
  return output.split('\n').flatMap((line) => {
    const path = /(?:=>\s+)?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line.trim())?.[1];
    return path === undefined ? [] : [path];
  });
}

async function librariesOf(file: string, signal: AbortSignal): Promise<string[]> {
  return parseLdd((await run('ldd', [file], { signal, env: { LC_ALL: 'C' } })).stdout);
}

/** By the path that is asked for: folders like /lib64 are links on many systems, and folders in the initrd. */
async function addLibrary(path: string, entries: Map<string, CpioEntry>): Promise<void> {
  const at = posix.normalize(path).slice(1);
  if (entries.has(at)) return;
  const file = await realpath(path);
  if (!(await stat(file)).isFile()) return;
  entries.set(at, { path: at, kind: 'file', mode: 0o755, content: await readFile(file) });
  const link = await readlink(path).catch(() => undefined);
  if (link !== undefined && link.startsWith('/')) await addLibrary(link, entries);
}
