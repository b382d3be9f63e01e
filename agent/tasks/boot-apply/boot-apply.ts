import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { checkBootApply } from '../../../shared/boot/check.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { storePaths, type BlobRef, type StoreAccess } from '../../../shared/task/blob.ts';
import { bootApplyKind, bootApplyVersion, type BootApplyResult } from '../../../shared/task/boot-apply.ts';
import { withLock } from '../../services/lock.ts';
import { lockFile, merge, readApplied, readState, writeState, type BootState } from '../../services/boot/state.ts';
import { BlobStore } from '../../store/blobs.ts';
import { download } from '../../store/client.ts';
import { readIdentity } from '../../store/own-identity.ts';
import type { TaskContext, TaskKind } from '../types.ts';

/** The service looks every two seconds at the latest; but its agent may be down for an upgrade, while tasks go on. */
const appliedMilliseconds = 600_000;

/**
 * Changes what the boot server serves: fetches the files first, then replaces the service's state in one step, then
 * waits until the running service says that it serves it. When it cannot, the earlier state is put back: a nodeset that
 * failed has changed nothing.
 */
export const bootApply: TaskKind = {
  kind: bootApplyKind,
  version: bootApplyVersion,
  roles: ['boot'],
  async run(context) {
    const spec = checkBootApply(context.spec);
    await fetchBlobs(context, spec.blobs, spec.from);
    const locked = <T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> =>
      withLock(lockFile(context.home), `task ${context.id}`, signal, act);
    const change = await locked(context.signal, async () => {
      const before = await readState(context.home);
      const { state, notes } = merge(before, spec, Date.now());
      for (const note of notes) context.log(note);
      await writeState(context.home, state);
      return { before, generation: state.generation };
    });
    context.progress('apply', 'the boot service takes up the change');
    try {
      await served(context, change.generation);
    } catch (error) {
      // Also when the task was cancelled, which must not stop this.
      await locked(AbortSignal.timeout(10_000), () => putBack(context.home, change));
      throw error;
    }
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

/** Unless somebody else has changed it meanwhile. A first change has no earlier state: the service goes on trying it. */
async function putBack(
  home: string,
  { before, generation }: { before: BootState | undefined; generation: number },
): Promise<void> {
  const now = await readState(home);
  if (before && now?.generation === generation) await writeState(home, { ...before, generation: generation + 1 });
}

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
        'The boot service did not take up the change. Look at the log of the agent on this machine.',
      );
    }
    await delay(50, undefined, { signal: context.signal });
  }
}
