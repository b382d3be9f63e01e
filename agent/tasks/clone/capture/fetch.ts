import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { processFailure } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';
import { moduleOf } from '../../../../shared/task/capture.ts';
import type { CaptureMount, Fetched } from '../../../../shared/task/capture.ts';
import { captureFile } from '../../../store/captures.ts';
import { agentProgram } from '../../image-tree/program.ts';
import type { TaskContext } from '../../types.ts';
import { Pairs } from './pairs.ts';

/** Passes over a machine that goes on working: the last ones find little. */
const mostPasses = 4;
/** So few changed files in a pass are the noise of any system that runs. */
const quietFiles = 20;
/** A connection that broke is tried again; what is here already is not fetched again. */
const mostTries = 40;

/** Whose file systems, and by which ticket it may answer. */
export interface Source {
  readonly agent: string;
  readonly ticket: string;
  readonly mounts: readonly CaptureMount[];
  /** SystemImager's one module for the whole machine, and its signal at the end. */
  readonly method?: 'systemimager';
}

/** Patterns of rsync(1), anchored at the root of the machine; what is taken in all the same is looked at first. */
export interface PassedBy {
  readonly exclude: readonly string[];
  readonly include: readonly string[];
}

/**
 * Fetches all file systems of a machine into `folder`, in passes until it is quiet. Files that are in `basis` as they are
 * there get one more name and are not sent. What is in the folder already is gone on with.
 */
export async function fetchMachine(
  source: Source,
  { folder, basis }: { readonly folder: string; readonly basis: string },
  passed: PassedBy,
  context: TaskContext,
): Promise<Fetched> {
  const record = captureFile(context.home, source.ticket);
  const [golden, own] = ['g', 'r'].map((side) => join(context.home, `${source.ticket.slice(0, 8)}.${side}`)) as [
    string,
    string,
  ];
  const pairs = await Pairs.open(golden, own);
  let fetched: Fetched = { files: 0, bytes: 0, whole: 0, passes: 0, quiet: true };
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await mkdir(dirname(record), { recursive: true, mode: 0o700 });
    await writeFile(record, JSON.stringify({ agent: source.agent, socket: golden }), { mode: 0o600 });
    for (let pass = 1; ; pass += 1) {
      const found = await fetchAll(source, { folder, basis, socket: own, pass }, passed, context);
      context.log(`pass ${pass}: ${found.files} files, ${found.bytes} bytes came over the line`);
      fetched = { ...sum(fetched, found), whole: found.whole, passes: pass };
      // Also the first: so few since the capture before is less than so few since a moment ago.
      if (found.files <= quietFiles) break;
      if (pass === mostPasses) {
        fetched = { ...fetched, quiet: false };
        context.log(
          `Warning: ${source.agent} was never quiet; files that changed while they were read may not fit each other.`,
        );
        break;
      }
    }
    if (source.method === 'systemimager') await sayCompleted(own, context);
  } finally {
    await rm(record, { force: true });
    await pairs.close();
  }
  return fetched;
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

/** Facts systemimager.md, section 1: asking for a module that is not there means that all was fetched. */
async function sayCompleted(socket: string, context: TaskContext): Promise<void> {
  const rsh = `--rsh=${[process.execPath, agentProgram(), 'pipe', socket].join(' ')}`;
  const args = ['--timeout=60', rsh, 'golden::__cloning_completed__/'];
  await run('rsync', args, { signal: context.signal, env: { LC_ALL: 'C' }, allowExit: 'any' });
}

type Found = Pick<Fetched, 'files' | 'bytes' | 'whole'>;

async function fetchAll(source: Source, place: Place, passed: PassedBy, context: TaskContext): Promise<Found> {
  const found = { files: 0, bytes: 0, whole: 0 };
  for (const [index, { at }] of source.mounts.entries()) {
    // Other file systems come by themselves; what is below their mount points here is not this one's.
    const inner = source.mounts
      .filter((other) => other.at !== at && (at === '/' || other.at.startsWith(`${at}/`)))
      .map((other) => `${other.at.slice(at === '/' ? 0 : at.length)}/*`);
    const here = (patterns: readonly string[]): string[] =>
      patterns.flatMap((pattern) =>
        at === '/' ? [pattern] : pattern.startsWith(`${at}/`) ? [pattern.slice(at.length)] : [],
      );
    const filters = [
      // --delete-excluded would take away what another file system brought to its mount point.
      ...inner.map((pattern) => `--filter=P ${pattern}`),
      ...here(passed.include).map((pattern) => `--include=${pattern}`),
      ...[...inner, ...here(passed.exclude)].map((pattern) => `--exclude=${pattern}`),
    ];
    const to = join(place.folder, at);
    await mkdir(to, { recursive: true, mode: 0o755 });
    const one = await fetch(
      source.method === 'systemimager' ? 'root' : moduleOf(index),
      to,
      filters,
      { ...place, agent: source.agent, at, seen: join(place.basis, at) },
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
  filters: readonly string[],
  about: Place & { readonly agent: string; readonly at: string; readonly seen: string },
  context: TaskContext,
): Promise<Found> {
  const args = [
    ...['-aHAXS', '--numeric-ids', '--delete', '--delete-excluded', '--partial-dir=.hostler-partial', '--timeout=60'],
    ...['--out-format=%i %l %n', '--stats', `--link-dest=${about.seen}`],
    ...filters,
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
