import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';
import { captureSendKind, captureVersion, moduleOf } from '../../../../shared/task/capture.ts';
import type { CaptureMount, CaptureSendSpec } from '../../../../shared/task/capture.ts';
import type { TaskContext, TaskKind } from '../../types.ts';
import { joinDaemon, withPreparedClient } from '../systemimager/prepared.ts';
import { openLine } from './line.ts';
import { dropViews, takeViews, viewer, type View } from './snapshots.ts';
import { checkedSend } from './spec.ts';

/** How long the image server may be out of reach before the capture is given up. */
const patienceMs = 15 * 60_000;

/** On a golden client: one rsync after the other reads this machine, each over a connection that we opened. */
export const captureSend: TaskKind = {
  kind: captureSendKind,
  version: captureVersion,
  roles: ['golden', 'node'],
  run: async (context) => {
    const spec = checkedSend(context.spec);
    if (spec.method === 'systemimager')
      return withPreparedClient(context, () => answer(spec, (line) => joinDaemon(line, context), context));
    try {
      const views = await takeViews(spec.mounts, spec.ticket, context);
      const config = await prepare(spec.mounts, context);
      const { connections } = await answer(spec, (line) => serve(line, views, config, context), context);
      return { connections, views: views.map(({ at, how }) => `${at} ${how}`) };
    } finally {
      await dropViews(context);
    }
  },
  cleanUp: dropViews,
};

/** One connection after the other, until the image server has what it wants. */
async function answer(
  spec: CaptureSendSpec,
  serveOne: (line: Duplex) => Promise<void>,
  context: TaskContext,
): Promise<{ connections: number }> {
  let since = Date.now();
  let connections = 0;
  for (let pause = 500; ; pause = Math.min(pause * 2, 15_000)) {
    context.signal.throwIfAborted();
    const outcome = await openLine(spec, context);
    // Before the first one it is the image server that is not ready yet.
    if (outcome === 'over' && connections > 0) return { connections };
    if (typeof outcome !== 'string') {
      connections += 1;
      since = Date.now();
      pause = 500;
      await serveOne(outcome);
    } else if (Date.now() - since > patienceMs) {
      throw new HostlerError(
        'unavailable',
        `The image server ${spec.store.agent} was out of reach for too long: ${outcome}.`,
      );
    } else await delay(pause, undefined, { signal: context.signal });
  }
}

/** rsyncd.conf(5): read-only, nothing but these folders, nothing said to anybody else. */
async function prepare(mounts: readonly CaptureMount[], context: TaskContext): Promise<string> {
  const lines = [
    'use chroot = no',
    'uid = 0',
    'gid = 0',
    'numeric ids = yes',
    'read only = yes',
    'list = no',
    'munge symlinks = no',
    'max verbosity = 0',
  ];
  for (const [index, mount] of mounts.entries()) {
    await mkdir(viewOf(context, index), { recursive: true, mode: 0o700 });
    context.log(`file system ${mount.at} as ${moduleOf(index)}`);
    lines.push(`[${moduleOf(index)}]`, `path = ${viewOf(context, index)}`);
  }
  const file = join(context.dir, 'rsyncd.conf');
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}

function viewOf(context: TaskContext, index: number): string {
  return join(context.dir, 'view', String(index));
}

async function serve(socket: Duplex, views: readonly View[], config: string, context: TaskContext): Promise<void> {
  const words = views.flatMap(({ mount }, index) => [...mount, viewOf(context, index)]);
  const rsync = ['rsync', '--server', '--daemon', `--config=${config}`, '.'];
  const args = ['--mount', '--propagation', 'private', 'sh', '-c', viewer, 'sh', ...words, '--', ...rsync];
  try {
    await run('unshare', args, {
      input: Readable.from(socket),
      output: socket,
      signal: context.signal,
      env: { LC_ALL: 'C' },
      onLine: (line) => context.log(line),
    });
  } catch (error) {
    context.signal.throwIfAborted();
    // The line broke, or the other side has what it wanted; the next connection tells which.
    context.log(HostlerError.from(error).message);
  } finally {
    socket.destroy();
  }
}
