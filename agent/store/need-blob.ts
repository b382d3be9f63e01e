import { join } from 'node:path';
import { storePaths, type StoreAccess } from '../../shared/task/blob.ts';
import type { TaskContext } from '../tasks/types.ts';
import { BlobStore } from './blobs.ts';
import { download } from './client.ts';
import { checkedDigest } from './digest.ts';
import { readIdentity } from './own-identity.ts';

/** A file with that content: this agent's own blob, or one that is fetched into `work` for the time being. */
export async function needBlob(
  word: string,
  from: StoreAccess,
  work: string,
  context: TaskContext,
): Promise<{ readonly file: string; readonly bytes: number }> {
  const digest = checkedDigest(word);
  const store = new BlobStore(context.home);
  const own = await store.size(digest);
  if (own !== undefined) return { file: store.path(digest), bytes: own };
  const file = join(work, digest);
  const { bytes } = await download(from, storePaths.blob(digest), file, {
    identity: await readIdentity(context.home),
    signal: context.signal,
    digest,
    onProgress: (done, all) => context.progress('fetch', `the image from ${from.agent}`, done, all, 'bytes'),
  });
  return { file, bytes };
}
