import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identityFiles, worthlessFiles } from '../../../../shared/clone/identity.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { replaceFile } from '../../../../shared/files/durable.ts';
import { processFailure } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';
import { captureReceiveKind, captureVersion, moduleOf } from '../../../../shared/task/capture.ts';
import type { CaptureReceiveSpec } from '../../../../shared/task/capture.ts';
import { captureFile } from '../../../store/captures.ts';
import { explainingFullDisk } from '../../image-tree/disk-full.ts';
import { withLock } from '../../image-tree/lock.ts';
import { agentProgram } from '../../image-tree/program.ts';
import { removeTree } from '../../image-tree/remove.ts';
import type { TaskContext, TaskKind } from '../../types.ts';
import { packTree } from '../pack.ts';
import { Pairs } from './pairs.ts';
import { checkedReceive } from './spec.ts';

/** Passes over a machine that goes on working: the last ones find little. */
const mostPasses = 4;
/** So few changed files in a pass are the noise of any system that runs. */
const quietFiles = 20;
/** A connection that broke is tried again; what is here already is not fetched again. */
const mostTries = 40;

/** On the agent that keeps images: fetches a golden client's file systems, then packs them. */
export const captureReceive: TaskKind = {
  kind: captureReceiveKind,
  version: captureVersion,
  roles: ['store'],
  run: async (context) => {
    const spec = await checkedReceive(context.spec);
    const kept = `Make room for ${dirname(spec.tree)}; the image as it was is still there, and what was fetched is kept for the next try.`;
    await mkdir(dirname(spec.tree), { recursive: true, mode: 0o700 });
    return explainingFullDisk(`The capture of ${spec.agent}`, kept, () =>
      withLock(
        `${growing(spec)}.lock`,
        (pid) => `${spec.image} is being captured already, by process ${pid}. Wait for its end.`,
        context.signal,
        () => receive(spec, context),
      ),
    );
  },
};

/** Beside the tree, and kept between tries: a capture that was interrupted goes on where it was. */
function growing({ tree }: CaptureReceiveSpec): string {
  return join(dirname(tree), `.${tree.slice(dirname(tree).length + 1)}.capture`);
}

async function receive(spec: CaptureReceiveSpec, context: TaskContext) {
  const record = captureFile(context.home, spec.ticket);
  const [golden, own] = ['g', 'r'].map((side) => join(context.home, `${spec.ticket.slice(0, 8)}.${side}`)) as [
    string,
    string,
  ];
  const pairs = await Pairs.open(golden, own);
  const folder = growing(spec);
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await mkdir(dirname(record), { recursive: true, mode: 0o700 });
    await writeFile(record, JSON.stringify({ agent: spec.agent, socket: golden }), { mode: 0o600 });
    for (let pass = 1; ; pass += 1) {
      const files = await fetchAll(spec, folder, own, pass, context);
      context.log(`pass ${pass}: ${files} files fetched`);
      if (pass > 1 && files <= quietFiles) break;
      if (pass === mostPasses) {
        context.log(
          `Warning: ${spec.agent} was never quiet; files that changed while they were read may not fit each other.`,
        );
        break;
      }
    }
  } finally {
    await rm(record, { force: true });
    await pairs.close();
  }
  await publish(spec, folder);
  return packTree({ ...spec, layout: spec.layoutFile, netdrivers: [] }, context);
}

/** The tree is whole before it has its name; the one before goes last. */
async function publish(spec: CaptureReceiveSpec, folder: string): Promise<void> {
  await mkdir(dirname(spec.layoutFile), { recursive: true, mode: 0o700 });
  await replaceFile(spec.layoutFile, `${JSON.stringify(spec.layout, undefined, 2)}\n`);
  const old = `${folder}.old`;
  await removeTree(old);
  await rename(spec.tree, old).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  });
  await rename(folder, spec.tree);
  await removeTree(old);
}

async function fetchAll(
  spec: CaptureReceiveSpec,
  folder: string,
  socket: string,
  pass: number,
  context: TaskContext,
): Promise<number> {
  let files = 0;
  for (const [index, { at }] of spec.mounts.entries()) {
    // Other file systems come by themselves; what is below their mount points here is not this one's.
    const inner = spec.mounts
      .filter((other) => other.at !== at && (at === '/' || other.at.startsWith(`${at}/`)))
      .map((other) => `${other.at.slice(at === '/' ? 0 : at.length)}/*`);
    const passed = [...identityFiles, ...worthlessFiles].flatMap((pattern) =>
      at === '/' ? [pattern] : pattern.startsWith(`${at}/`) ? [pattern.slice(at.length)] : [],
    );
    const to = join(folder, at);
    await mkdir(to, { recursive: true, mode: 0o755 });
    files += await fetch(moduleOf(index), to, [...inner, ...passed], socket, { ...spec, at, pass }, context);
  }
  return files;
}

async function fetch(
  module: string,
  to: string,
  exclude: readonly string[],
  socket: string,
  about: { readonly agent: string; readonly at: string; readonly pass: number; readonly tree: string },
  context: TaskContext,
): Promise<number> {
  const seen = join(about.tree, about.at);
  const args = [
    ...['-aHAXS', '--numeric-ids', '--delete', '--delete-excluded', '--partial-dir=.hostler-partial', '--timeout=60'],
    ...['--out-format=%i %l %n', '--stats', `--link-dest=${seen}`],
    ...exclude.map((pattern) => `--exclude=${pattern}`),
    `--rsh=${[process.execPath, agentProgram(), 'pipe', socket].join(' ')}`,
    `golden::${module}/`,
    `${to}/`,
  ];
  for (let attempt = 1; ; attempt += 1) {
    let files = 0;
    try {
      await run('rsync', args, {
        signal: context.signal,
        env: { LC_ALL: 'C' },
        onLine: (line) => {
          if (!/^[<>]f/.test(line)) return;
          files += 1;
          if (files % 500 === 0)
            context.progress('capture', `${about.agent}:${about.at}, pass ${about.pass}`, files, undefined, 'files');
        },
      });
      return files;
    } catch (error) {
      const failure = processFailure(error);
      if (failure === undefined || context.signal.aborted) throw error;
      // rsync(1), EXIT VALUES. 24: files went away while they were looked at; a later pass sees what is there.
      if (failure.exit === 24) return files + quietFiles + 1;
      if (![5, 10, 12, 30, 35].includes(failure.exit ?? 0) || attempt >= mostTries)
        throw explained(error, about, failure.stderr);
      context.log(`the line to ${about.agent} broke (rsync ${failure.exit ?? ''}); going on with what is here`);
      context.progress('capture', `waiting for ${about.agent}`);
      await delay(Math.min(1000 * attempt, 15_000), undefined, { signal: context.signal });
    }
  }
}

function explained(
  cause: unknown,
  about: { readonly agent: string; readonly at: string },
  stderr: string,
): HostlerError {
  const lines = stderr.trim().split('\n');
  const first = lines.find((line) => /failed|error|No space/i.test(line)) ?? lines[0] ?? '';
  return new HostlerError(
    'unavailable',
    `${about.at} of ${about.agent} could not be fetched: ${first}. What was fetched is kept: capture again, and it goes on from there.`,
    { cause },
  );
}
