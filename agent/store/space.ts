import { statfs } from 'node:fs/promises';
import { HostlerError } from '../../shared/errors/error.ts';

/** Left free for the rest of the machine when blobs are written. */
const reserveBytes = 64 * 1024 * 1024;

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 1048576)} MiB`;

/** Refuses with `resource_exhausted` when the folder's file system cannot take `bytes` more and keep a reserve. */
export async function checkSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytes + reserveBytes) return;
  throw new HostlerError(
    'resource_exhausted',
    `No room for ${mebibytes(bytes)} in ${folder}: ${mebibytes(free)} free, ${mebibytes(reserveBytes)} of them kept ` +
      'in reserve. Free some space and try again.',
  );
}
