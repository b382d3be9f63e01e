import { copyFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import type { BlobRef, StoreAccess } from '../../../shared/task/blob.ts';
import { BlobStore } from '../../store/blobs.ts';
import { upload } from '../../store/client.ts';
import { readIdentity } from '../../store/own-identity.ts';
import type { TaskContext } from '../types.ts';

/** Hands a file to the store that is to keep it: this agent's own folder, or another agent over mutual TLS. */
export async function keepFile(
  file: string,
  what: string,
  store: StoreAccess,
  context: TaskContext,
  how: 'copy' | 'move' = 'copy',
): Promise<BlobRef> {
  context.progress('store', `keeping the ${what}`);
  if (store.endpoints.length === 0) {
    return new BlobStore(context.home).putFile(file, how, { signal: context.signal, wantedBy: context.dir });
  }
  return upload(store, file, {
    identity: await readIdentity(context.home),
    signal: context.signal,
    onProgress: (done, total) =>
      context.progress('store', `sending the ${what} to ${store.agent}`, done, total, 'bytes'),
  });
}

/**
 * Keeps the packed image and makes a copy of it, which is to stand under xCAT's name in the image folder: not the blob
 * itself, which nobody may change, whatever an administrator does with the file.
 */
export async function keepProduct(
  file: string,
  copy: string,
  store: StoreAccess,
  context: TaskContext,
): Promise<BlobRef> {
  // Two readers of one file that is still in memory: the digest and the copy take no longer than either.
  const copied = copyFile(file, copy, constants.COPYFILE_FICLONE);
  copied.catch(() => {}); // looked at below, unless the store is the first to fail
  const blob = await keepFile(file, 'image', store, context, 'move');
  await copied;
  return blob;
}
