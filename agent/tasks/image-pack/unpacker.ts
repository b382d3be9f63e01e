import { lstat, readFile } from 'node:fs/promises';
import { HostlerError } from '../../../shared/errors/error.ts';
import { which } from '../../../shared/process/which.ts';
import type { ImagePackSpec } from '../../../shared/task/image-pack.ts';
import { machineOf, programKind } from '../image-tree/elf.ts';
import { existsInside } from '../image-tree/inside.ts';
import { appendEntries, programEntries, programFiles } from './initrd-program.ts';

/** In the initrd; init.sh looks there. */
const folder = 'lib/unpack';

/** What unpacks an archive on a node: name to content; empty: busybox can. */
export type Unpacker = ReadonlyMap<string, Buffer>;

/**
 * The program with which the initrd unpacks an image: squashfs is mounted, gzip and xz are known to busybox, zstd and lz4
 * need the image's own program, or this machine's where it is for the same kind of machine. Nothing is run. Throws
 * `failed_precondition` where there is neither: such an image would not boot.
 */
export async function unpackerFor(
  tree: string,
  method: ImagePackSpec['method'],
  compress: ImagePackSpec['compress'],
): Promise<Unpacker> {
  if (method === 'squashfs' || (compress !== 'zstd' && compress !== 'lz4')) return new Map();
  for (const place of [`usr/bin/${compress}`, `bin/${compress}`]) {
    const file = await existsInside(tree, place);
    if (file === undefined || !(await lstat(file)).isFile()) continue;
    const found = await programFiles(tree, file, 'program');
    if (found !== undefined) return found;
  }
  const own = await ownProgram(compress, await programKind(tree));
  if (own !== undefined) return own;
  throw new HostlerError(
    'failed_precondition',
    `A node could not unpack this image: ${tree} has no ${compress} that the initrd could run, and this machine has ` +
      `none for the image's architecture. Add the package ${compress} to the pkglist and run genimage, or take ` +
      `another compression: packimage -c pigz, or -m squashfs.`,
  );
}

async function ownProgram(name: string, kind: string | undefined): Promise<Unpacker | undefined> {
  const file = which(name);
  const at = file === undefined ? undefined : await existsInside('/', file);
  if (at === undefined || kind === undefined || machineOf(await readFile(at)) !== kind) return undefined;
  return programFiles('/', at, 'program');
}

/** Behind what is in the initrd already. */
export async function addUnpacker(initrd: string, unpacker: Unpacker, signal: AbortSignal): Promise<void> {
  if (unpacker.size > 0) await appendEntries(initrd, programEntries(folder, unpacker), signal);
}
