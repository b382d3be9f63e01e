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
