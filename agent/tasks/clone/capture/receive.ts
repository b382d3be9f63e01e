import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identityFiles, worthlessFiles } from '../../../../shared/clone/identity.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { replaceFile } from '../../../../shared/files/durable.ts';
import { processFailure } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';
import { captureReceiveKind, captureVersion, moduleOf } from '../../../../shared/task/capture.ts';
import type { CaptureReceiveSpec, Fetched } from '../../../../shared/task/capture.ts';
import { captureFile } from '../../../store/captures.ts';
import { explainingFullDisk } from '../../image-tree/disk-full.ts';
import { withLock } from '../../image-tree/lock.ts';
import { agentProgram } from '../../image-tree/program.ts';
import type { TaskContext, TaskKind } from '../../types.ts';
import { keepGeneration, newestTree, putWorkTree } from '../generations/keep.ts';
import { mendWorkTree } from '../generations/pack.ts';
import { goldenPlaces } from '../generations/places.ts';
import { packTree } from '../pack-tree.ts';
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
        goldenPlaces(spec.tree).captureLock,
        (pid) => `${spec.image} is being captured already, by process ${pid}. Wait for its end.`,
        context.signal,
        () => receive(spec, context),
      ),
    );
  },
};

async function receive(spec: CaptureReceiveSpec, context: TaskContext) {
  const record = captureFile(context.home, spec.ticket);
  const [golden, own] = ['g', 'r'].map((side) => join(context.home, `${spec.ticket.slice(0, 8)}.${side}`)) as [
    string,
    string,
  ];
  const places = goldenPlaces(spec.tree);
  await mendWorkTree(spec.tree);
  const folder = places.growing;
  // What did not change since the last capture is taken from there; the work tree may have been edited since.
  const basis = (await newestTree(places)) ?? spec.tree;
  const pairs = await Pairs.open(golden, own);
  let fetched: Fetched = { files: 0, bytes: 0, whole: 0, passes: 0, quiet: true };
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await mkdir(dirname(record), { recursive: true, mode: 0o700 });
    await writeFile(record, JSON.stringify({ agent: spec.agent, socket: golden }), { mode: 0o600 });
    for (let pass = 1; ; pass += 1) {
      const found = await fetchAll(spec, { folder, basis, socket: own, pass }, context);
      context.log(`pass ${pass}: ${found.files} files, ${found.bytes} bytes came over the line`);
      fetched = { ...sum(fetched, found), whole: found.whole, passes: pass };
      if (pass > 1 && found.files <= quietFiles) break;
      if (pass === mostPasses) {
        fetched = { ...fetched, quiet: false };
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
  await mkdir(dirname(spec.layoutFile), { recursive: true, mode: 0o700 });
  await replaceFile(spec.layoutFile, `${JSON.stringify(spec.layout, undefined, 2)}\n`);
  const result = await packTree({ ...spec, layout: spec.layoutFile, netdrivers: [] }, context, folder);
  // The tree is whole before it has its name, and nobody is reading the one before.
  await withLock(places.treeLock, 'wait', context.signal, async () => {
    const generation = await keepGeneration(places, folder, result, context);
    await putWorkTree(places, generation, context);
  });
  return { ...result, capture: { ...fetched } };
}

function sum(a: Fetched, b: Pick<Fetched, 'files' | 'bytes'>): Fetched {
  return { ...a, files: a.files + b.files, bytes: a.bytes + b.bytes };
}

interface Place {
  readonly folder: string;
  readonly basis: string;
  readonly socket: string;
  readonly pass: number;
}

type Found = Pick<Fetched, 'files' | 'bytes' | 'whole'>;

async function fetchAll(spec: CaptureReceiveSpec, place: Place, context: TaskContext): Promise<Found> {
  const found = { files: 0, bytes: 0, whole: 0 };
  for (const [index, { at }] of spec.mounts.entries()) {
    // Other file systems come by themselves; what is below their mount points here is not this one's.
    const inner = spec.mounts
      .filter((other) => other.at !== at && (at === '/' || other.at.startsWith(`${at}/`)))
      .map((other) => `${other.at.slice(at === '/' ? 0 : at.length)}/*`);
    const passed = [...identityFiles, ...worthlessFiles].flatMap((pattern) =>
      at === '/' ? [pattern] : pattern.startsWith(`${at}/`) ? [pattern.slice(at.length)] : [],
    );
    const to = join(place.folder, at);
    await mkdir(to, { recursive: true, mode: 0o755 });
    const one = await fetch(
      moduleOf(index),
      to,
      { exclude: [...inner, ...passed], protect: inner },
      { ...place, agent: spec.agent, at, seen: join(place.basis, at) },
      context,
    );
    found.files += one.files;
    found.bytes += one.bytes;
    found.whole += one.whole;
  }
  return found;
}

async function fetch(
  module: string,
  to: string,
  { exclude, protect }: { readonly exclude: readonly string[]; readonly protect: readonly string[] },
  about: Place & { readonly agent: string; readonly at: string; readonly seen: string },
  context: TaskContext,
): Promise<Found> {
  const args = [
    ...['-aHAXS', '--numeric-ids', '--delete', '--delete-excluded', '--partial-dir=.hostler-partial', '--timeout=60'],
    ...['--out-format=%i %l %n', '--stats', `--link-dest=${about.seen}`],
    // --delete-excluded would take away what another file system brought to its mount point.
    ...protect.map((pattern) => `--filter=P ${pattern}`),
    ...exclude.map((pattern) => `--exclude=${pattern}`),
    `--rsh=${[process.execPath, agentProgram(), 'pipe', about.socket].join(' ')}`,
    `golden::${module}/`,
    `${to}/`,
  ];
  for (let attempt = 1; ; attempt += 1) {
    let files = 0;
    try {
      const { stdout } = await run('rsync', args, {
        signal: context.signal,
        env: { LC_ALL: 'C' },
        onLine: (line) => {
          if (!/^[<>]f/.test(line)) return;
          files += 1;
          if (files % 500 === 0)
            context.progress('capture', `${about.agent}:${about.at}, pass ${about.pass}`, files, undefined, 'files');
        },
      });
      return { files, bytes: statistic(stdout, 'Total bytes received'), whole: statistic(stdout, 'Total file size') };
    } catch (error) {
      const failure = processFailure(error);
      if (failure === undefined || context.signal.aborted) throw error;
      // rsync(1), EXIT VALUES. 24: files went away while they were looked at; a later pass sees what is there.
      if (failure.exit === 24) {
        const bytes = statistic(failure.stdout, 'Total bytes received');
        return { files: files + quietFiles + 1, bytes, whole: statistic(failure.stdout, 'Total file size') };
      }
      if (![5, 10, 12, 30, 35].includes(failure.exit ?? 0) || attempt >= mostTries)
        throw explained(error, about, failure.stderr);
      context.log(`the line to ${about.agent} broke (rsync ${failure.exit ?? ''}); going on with what is here`);
      context.progress('capture', `waiting for ${about.agent}`);
      await delay(Math.min(1000 * attempt, 15_000), undefined, { signal: context.signal });
    }
  }
}

/** A line of `--stats`, rsync(1): `Total bytes received: 1,234`. */
export function statistic(text: string, name: string): number {
  return Number((new RegExp(`^${name}: ([\\d,]+)`, 'm').exec(text)?.[1] ?? '0').replaceAll(',', ''));
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
