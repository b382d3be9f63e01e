import { chmod, mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { processFailure } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';
import { textFile } from '../../../../shared/text/text-file.ts';
import { confined } from '../../image-tree/confined.ts';
import { assemble } from '../../image-tree/assemble.ts';
import type { TaskContext } from '../../types.ts';
import type { Mounts, TreeView } from '../view.ts';
import type { Draft, LayerCache } from './cache.ts';

const holdText = textFile(import.meta.url, '../view-hold.sh');
const noOverlays = 77;

/** Environment of the agent: `copy` makes snapshots by copying, as where the kernel mounts no overlays. */
export const snapshotsVariable = 'HOSTLER_IMAGE_SNAPSHOTS';

interface Opening {
  readonly cache: LayerCache;
  /** Layers below, bottom first. */
  readonly layers: readonly string[];
  readonly draft: Draft;
  /** Where programs see it: a folder, made if it is not there. */
  readonly seenAt: string;
  readonly mounts: Mounts;
}

/**
 * Runs `work` on a tree of layers; what it changes goes into the draft. True: the draft holds the changes alone; false:
 * this machine cannot mount overlays, and it holds the whole tree.
 */
export async function withView(
  opening: Opening,
  context: TaskContext,
  work: (view: TreeView) => Promise<void>,
): Promise<boolean> {
  const made = await mkdir(opening.seenAt, { recursive: true, mode: 0o755 });
  try {
    const overlay = process.env[snapshotsVariable] !== 'copy' && (await overOverlay(opening, context, work));
    if (!overlay) await overCopy(opening, context, work);
    return overlay;
  } finally {
    // A mount point that is no tree.
    if (made !== undefined) await rmdir(opening.seenAt).catch(() => {});
  }
}

async function overOverlay(
  opening: Opening,
  context: TaskContext,
  work: (view: TreeView) => Promise<void>,
): Promise<boolean> {
  const { cache, layers, draft } = opening;
  await mkdir(join(draft.folder, 'work'), { mode: 0o700 });
  const lower = [...layers].reverse().map((id) => `${id}/tree`);
  const upper = `new-${draft.id}`;
  const options = `lowerdir=${lower.join(':')},upperdir=${upper}/tree,workdir=${upper}/work,redirect_dir=off,metacopy=off,index=off`;
  try {
    await held(opening, 'overlay', options, cache.layers, context, work);
    return true;
  } catch (error) {
    const failure = processFailure(error);
    if (failure?.exit !== noOverlays) throw error;
    const why = failure.stderr.trim().split('\n')[0] ?? '';
    context.log(`This machine mounts no overlay in ${cache.layers} (${why}): trees are copied, which takes longer.`);
    return false;
  }
}

async function overCopy(
  opening: Opening,
  context: TaskContext,
  work: (view: TreeView) => Promise<void>,
): Promise<void> {
  const { cache, layers, draft } = opening;
  const stack = await cache.merged(layers);
  const { dir: scratch, signal } = context;
  await assemble({ stack, folderOf: (id) => cache.tree(id), target: draft.tree, scratch, signal });
  await held(opening, 'bind', draft.tree, cache.layers, context, work);
}

async function held(
  { seenAt, mounts }: Opening,
  kind: 'overlay' | 'bind',
  what: string,
  layers: string,
  context: TaskContext,
  work: (view: TreeView) => Promise<void>,
): Promise<void> {
  const script = join(context.dir, 'view-hold');
  await writeFile(script, holdText);
  await chmod(script, 0o755);
  const hold = new PassThrough();
  let told: (pid: string) => void = () => {};
  const pid = new Promise<string>((resolve) => (told = resolve));
  const binds = (mounts.binds ?? []).flatMap(([from, path]) => [from, path.replace(/^\.?\//, '')]);
  // Not stopped with the task: what runs in the tree ends first, and then this by the end of its input.
  const holder = run(
    'setpriv',
    [
      ...['--pdeathsig=KILL', 'unshare', '--mount', '--propagation=private', script, layers, kind, seenAt, what],
      ...[mounts.system ? 'yes' : 'no', ...binds],
    ],
    {
      input: hold,
      onLine: (line) => {
        const match = /^held (\d+)$/.exec(line);
        if (match?.[1] !== undefined) told(match[1]);
      },
    },
  );
  holder.catch(() => {}); // awaited below, whatever happens first
  try {
    const found = await Promise.race([pid, holder.then(() => undefined)]);
    if (found === undefined) throw new HostlerError('internal', `The tree at ${seenAt} could not be held mounted.`);
    await work({
      root: `/proc/${found}/root${seenAt}`,
      seenAt,
      enter: (program, args) => {
        const inner = confined(program, args);
        const namespace = `--mount=/proc/${found}/ns/mnt`;
        return {
          program: 'setpriv',
          args: ['--pdeathsig=KILL', 'nsenter', namespace, '--', inner.program, ...inner.args],
        };
      },
    });
  } finally {
    hold.end();
    await holder.catch(() => {});
  }
  await holder;
}
