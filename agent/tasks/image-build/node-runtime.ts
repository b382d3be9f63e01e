import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { parseRuntime, runtimeFolder } from '../../../shared/distro/node-runtime.ts';
import type { NodeRuntime } from '../../../shared/distro/node-runtime.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { run } from '../../../shared/process/run.ts';
import { Far } from '../image-tree/far.ts';
import { existsInside, inside, writeInside } from '../image-tree/inside.ts';
import type { TaskContext } from '../types.ts';
import type { TreePart } from './parts.ts';
import type { Build } from './spec.ts';

/** The agent's unit is told to use it, whatever Node.js the packages bring. */
const unitPath = 'etc/systemd/system/hostler-agent.service.d/node.conf';
const unitText = `[Service]\nExecStart=\nExecStart=/${runtimeFolder}/bin/node /opt/hostler/hostler-agent --boot\n`;

/** The Node.js of `site.noderuntime.<arch>` in the image. */
export const runtimePart: TreePart = {
  name: 'runtime',
  input: (build) => {
    const runtime = runtimeOf(build);
    return runtime === undefined ? [] : [1, runtime.sha256, unitText];
  },
  apply: async (root, build, context) => {
    const runtime = runtimeOf(build);
    if (runtime === undefined) return;
    const archive = await fetched(runtime, context);
    const folder = await inside(root, runtimeFolder);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o755 });
    // The program alone: headers, manuals and npm are four fifths of such an archive.
    const args = ['--extract', '--file', archive, '--directory', folder, '--strip-components=1', '--no-same-owner'];
    await run('tar', [...args, '--wildcards', '--no-wildcards-match-slash', '*/bin/node', '*/LICENSE'], {
      signal: context.signal,
      allowExit: [2],
    });
    const program = await existsInside(root, `${runtimeFolder}/bin/node`);
    if (program === undefined || (await stat(program)).size < 1_000_000) {
      throw new HostlerError(
        'failed_precondition',
        `${runtime.source}, which site.noderuntime.${build.arch} names, has no bin/node. Name an archive of nodejs.org (node-VERSION-linux-ARCH.tar.xz).`,
      );
    }
    await writeInside(root, unitPath, unitText);
  },
};

function runtimeOf(build: Build): NodeRuntime | undefined {
  if (build.noderuntime === '') return undefined;
  const runtime = parseRuntime(build.noderuntime);
  return typeof runtime === 'string' ? undefined : runtime;
}

/** The archive, its digest checked; what came from an address is kept in the agent's cache. */
async function fetched(runtime: NodeRuntime, context: TaskContext): Promise<string> {
  const { source, sha256 } = runtime;
  if (source.startsWith('/')) {
    if ((await lstat(source).catch(() => undefined)) === undefined) {
      throw new HostlerError('not_found', `${source}, which site.noderuntime names, does not exist on this machine.`);
    }
    await requireDigest(source, source, sha256);
    return source;
  }
  const folder = join(context.home, 'cache', 'runtimes');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const kept = join(folder, `${sha256}${/\.(?:tar\.[gx]z|tgz)$/.exec(source)?.[0] ?? ''}`);
  if ((await lstat(kept).catch(() => undefined)) !== undefined) return kept;
  const temporary = `${kept}.${process.pid}.tmp`;
  try {
    await download(source, temporary, context);
    await requireDigest(temporary, source, sha256);
    await rename(temporary, kept);
  } finally {
    await rm(temporary, { force: true });
  }
  return kept;
}

/** No archive of Node.js is larger. */
const mostBytes = 200 << 20;

async function download(address: string, file: string, context: TaskContext): Promise<void> {
  context.progress('files', `fetching ${address}`);
  try {
    const answer = await fetch(address, { signal: context.signal });
    if (!answer.ok || answer.body === null) throw new Error(`the answer was ${answer.status}`);
    let bytes = 0;
    const far = new Far('files', Number(answer.headers.get('content-length') ?? 0), context);
    const counted = Readable.fromWeb(answer.body as ReadableStream<Uint8Array>).map((part: Uint8Array) => {
      bytes += part.length;
      if (bytes > mostBytes) throw new Error(`it is longer than ${mostBytes >> 20} MiB`);
      far.reached(bytes);
      return part;
    });
    await pipeline(counted, createWriteStream(file, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    context.signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    throw new HostlerError('unavailable', `${address}, which site.noderuntime names, could not be fetched: ${why}.`, {
      cause: error,
    });
  }
}

async function requireDigest(file: string, source: string, wanted: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const found = hash.digest('hex');
  if (found === wanted) return;
  throw new HostlerError(
    'failed_precondition',
    `${source} has the sha256 digest ${found}, and site.noderuntime says ${wanted}: it is not used.`,
  );
}
