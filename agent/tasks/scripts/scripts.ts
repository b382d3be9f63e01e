import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { scriptsKind, scriptsVersion } from '../../../shared/task/scripts.ts';
import type { ScriptCall, ScriptsResult, ScriptsSpec } from '../../../shared/task/scripts.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { notThere, runScript, ScriptLog } from './runner.ts';
import { parseScriptsSpec } from './spec.ts';

/** Brings one postscript of the store into a file. */
export type FetchScript = (spec: ScriptsSpec, name: string, file: string, context: TaskContext) => Promise<void>;

export interface ScriptsPlaces {
  /** Where scripts are run from; xCAT's scripts expect this very path. */
  readonly folder: string;
  readonly log: string;
  /** Milliseconds for one script. */
  readonly scriptMs: number;
  readonly fetch: FetchScript;
}

/** Fetches a node's postscripts and runs them in order. One that fails is reported and the others go on. */
export function scriptsIn(where: ScriptsPlaces): TaskKind {
  return {
    kind: scriptsKind,
    version: scriptsVersion,
    roles: ['node'],
    run: async (context) => runAll(parseScriptsSpec(context.spec), where, context),
  };
}

async function runAll(spec: ScriptsSpec, where: ScriptsPlaces, context: TaskContext): Promise<ScriptsResult> {
  const calls = [...spec.postscripts, ...spec.postbootscripts];
  const log = new ScriptLog(where.log, (line) => context.log(line)).open();
  await privateFolder(where.folder);
  const missing = await fetchAll(spec, calls, where, context);
  const ran: { name: string; exit: number; seconds: number }[] = [];
  for (const [index, call] of calls.entries()) {
    context.signal.throwIfAborted();
    if (call.optional === true && missing.get(call.name)?.absent === true) {
      log.write(`${call.name} is a default that this cluster has no script for; left out`);
      continue;
    }
    context.progress('postscripts', call.name, index, calls.length, 'scripts');
    const { exit, seconds } = await oneScript(spec, call, missing.get(call.name)?.why, { where, context, log });
    ran.push({ name: call.name, exit, seconds });
  }
  context.progress('postscripts', 'done', calls.length, calls.length, 'scripts');
  return { scripts: ran, failed: ran.filter(({ exit }) => exit !== 0).length };
}

async function oneScript(
  spec: ScriptsSpec,
  call: ScriptCall,
  missing: string | undefined,
  { where, context, log }: { where: ScriptsPlaces; context: TaskContext; log: ScriptLog },
): Promise<{ exit: number; seconds: number }> {
  log.write(`postscript start..: ${call.name}`);
  if (missing !== undefined) log.write(missing);
  const ran =
    missing === undefined
      ? await runScript(call, {
          file: join(where.folder, call.name),
          folder: where.folder,
          environment: { NODE: spec.node, HOSTLER_CORRELATION: context.correlation, ...spec.environment },
          signal: context.signal,
          timeoutMs: where.scriptMs,
          log,
        })
      : { exit: notThere, seconds: 0 };
  log.write(`postscript end...: ${call.name} return with ${ran.exit}`);
  return ran;
}

interface Missing {
  readonly why: string;
  /** The store answered that it has no such file. */
  readonly absent: boolean;
}

/** Every script once, before the first runs; why the missing ones are missing, by name. */
async function fetchAll(
  spec: ScriptsSpec,
  calls: readonly ScriptCall[],
  where: ScriptsPlaces,
  context: TaskContext,
): Promise<Map<string, Missing>> {
  const missing = new Map<string, Missing>();
  for (const name of new Set(calls.map((call) => call.name))) {
    const file = join(where.folder, name);
    context.progress('fetch', name);
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await rm(file, { recursive: true, force: true });
      await where.fetch(spec, name, file, context);
      await chmod(file, 0o700);
    } catch (error) {
      context.signal.throwIfAborted();
      const { code, message } = HostlerError.from(error);
      const absent = code === 'not_found';
      missing.set(name, { absent, why: `${name} ${absent ? 'is missing' : 'could not be fetched'}: ${message}` });
    }
  }
  return missing;
}

/** The scripts come over an encrypted way and may hold secrets: nobody but root looks into their folder. */
async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { mode, uid } = await lstat(folder).then((stat) => {
    if (stat.isDirectory()) return stat;
    throw new HostlerError('failed_precondition', `${folder} is no folder: take it away, scripts are kept there.`);
  });
  if (uid !== process.getuid?.())
    throw new HostlerError('failed_precondition', `${folder} belongs to another user (${uid}).`);
  if ((mode & 0o777) !== 0o700) await chmod(folder, 0o700);
}
