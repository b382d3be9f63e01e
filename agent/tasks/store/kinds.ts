import { HostlerError } from '../../../shared/errors/error.ts';
import {
  storeCollectKind,
  storeCollectVersion,
  storeVerifyKind,
  storeVerifyVersion,
  type StoreCollectResult,
  type StoreVerifyResult,
} from '../../../shared/task/store.ts';
import { BlobStore } from '../../store/blobs.ts';
import { checkedDigest } from '../../store/digest.ts';
import { filesOf, readState } from '../../services/boot/state.ts';
import { Fields } from '../image-tree/fields.ts';
import type { TaskContext, TaskKind } from '../types.ts';

/** What was put in again so recently may belong to an image that the manager does not know yet. */
const graceMs = 3_600_000;

/** Removes blobs; can be run again after whatever end. */
export const storeCollect: TaskKind = {
  kind: storeCollectKind,
  version: storeCollectVersion,
  roles: ['store', 'boot'],
  async run(context): Promise<StoreCollectResult> {
    const store = new BlobStore(context.home);
    const served = await servedBlobs(context.home);
    const kept: string[] = [];
    let removed = 0;
    let bytes = 0;
    for (const digest of blobsOf(context)) {
      context.signal.throwIfAborted();
      const free = served.has(digest) ? undefined : await store.removeUnlessWanted(digest, graceMs);
      if (free === undefined) kept.push(digest);
      else {
        bytes += free;
        removed += 1;
      }
    }
    return { removed, bytes, kept };
  },
};

/** What a boot server on this machine serves, or lets boots that have begun go on loading. */
async function servedBlobs(home: string): Promise<ReadonlySet<string>> {
  const state = await readState(home);
  if (state === undefined) return new Set();
  const files = Object.values(state.profiles).flatMap((profile) =>
    profile.files === undefined ? [] : [profile.files],
  );
  const retired = Object.entries(state.retired).flatMap(([digest, until]) => (until > Date.now() ? [digest] : []));
  return new Set([...filesOf(state.profiles), ...files, ...retired]);
}

export const storeVerify: TaskKind = {
  kind: storeVerifyKind,
  version: storeVerifyVersion,
  roles: ['store', 'boot'],
  async run(context): Promise<StoreVerifyResult> {
    const store = new BlobStore(context.home);
    const missing: string[] = [];
    const wrong: string[] = [];
    let bytes = 0;
    const blobs = blobsOf(context);
    for (const [index, digest] of blobs.entries()) {
      context.progress('verify', digest.slice(0, 12), index, blobs.length, 'files');
      const size = await store.size(digest);
      if (size === undefined) missing.push(digest);
      else if (!(await store.verify(digest, context.signal))) wrong.push(digest);
      bytes += size ?? 0;
    }
    return { missing, wrong, bytes };
  },
};

const mostBlobs = 100_000;

function blobsOf(context: TaskContext): string[] {
  const blobs = new Fields(context.spec, context.id).texts('blobs');
  if (blobs.length > mostBlobs) throw new HostlerError('invalid_argument', `More than ${mostBlobs} blobs at once.`);
  return [...new Set(blobs.map(checkedDigest))];
}
