import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { checkBootApply } from '../../../shared/boot/check.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { storePaths, type BlobRef, type StoreAccess } from '../../../shared/task/blob.ts';
import { bootApplyKind, bootApplyVersion, type BootApplyResult } from '../../../shared/task/boot-apply.ts';
import { withLock } from '../../services/lock.ts';
import { lockFile, merge, readApplied, readState, writeState } from '../../services/boot/state.ts';
import { BlobStore } from '../../store/blobs.ts';
import { download } from '../../store/client.ts';
import { readIdentity } from '../../store/own-identity.ts';
import type { TaskContext, TaskKind } from '../types.ts';

/** The service looks every two seconds at the latest; then dnsmasq starts. */
const appliedMilliseconds = 45_000;

/**
 * Changes what the boot server serves: fetches the files first, then replaces the service's state in one step, then
 * waits until the running service says that it serves it. Nothing is changed when a file cannot be had.
 */
export const bootApply: TaskKind = {
  kind: bootApplyKind,
  version: bootApplyVersion,
  roles: ['boot'],
  async run(context) {
    const spec = checkBootApply(context.spec);
    await fetchBlobs(context, spec.blobs, spec.from);
    const generation = await withLock(lockFile(context.home), `task ${context.id}`, context.signal, async () => {
      const { state, notes } = merge(await readState(context.home), spec, Date.now());
      for (const note of notes) context.log(note);
      await writeState(context.home, state);
      return state.generation;
    });
    context.progress('apply', 'the boot service takes up the change');
    await served(context, generation);
    const result: BootApplyResult = { nodes: Object.keys(spec.nodes).length };
    return { ...result };
  },
};

async function fetchBlobs(
  context: TaskContext,
  blobs: readonly BlobRef[],
  from: StoreAccess | undefined,
): Promise<void> {
  const store = new BlobStore(context.home);
  for (const blob of blobs) {
    if ((await store.size(blob.digest)) === blob.bytes) continue;
    if (!from) {
      throw new HostlerError(
        'failed_precondition',
        `This boot server does not have ${blob.digest}, and no store to fetch it from was named.`,
      );
    }
    const folder = join(context.dir, 'blobs');
    await mkdir(folder, { recursive: true });
    await store.prepare(blob.bytes);
    const file = join(folder, blob.digest);
    context.log(`fetching ${blob.digest} (${blob.bytes} bytes) from ${from.agent}`);
    await download(from, storePaths.blob(blob.digest), file, {
      identity: await readIdentity(context.home),
      signal: context.signal,
      digest: blob.digest,
      onProgress: (done, total) => context.progress('fetch', `image files from ${from.agent}`, done, total, 'bytes'),
    });
    await store.putFile(file, 'move', { digest: blob.digest });
  }
}

/** What is applied stays in the state whatever comes out here: the service goes on trying. */
async function served(context: TaskContext, generation: number): Promise<void> {
  const until = Date.now() + appliedMilliseconds;
  for (;;) {
    const applied = await readApplied(context.home);
    if (applied && applied.generation >= generation) {
      if (applied.problem === undefined) return;
      throw new HostlerError('failed_precondition', applied.problem);
    }
    if (Date.now() > until) {
      throw new HostlerError(
        'deadline_exceeded',
        'The boot service did not take up the change; the agent on this machine is perhaps down. It will do so when it starts.',
      );
    }
    await delay(50, undefined, { signal: context.signal });
  }
}
