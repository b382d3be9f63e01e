import { mkdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { replaceFile } from '../../../shared/files/durable.ts';
import { run } from '../../../shared/process/run.ts';
import { which } from '../../../shared/process/which.ts';
import { changeHostsFile } from '../../../shared/services/hosts-file.ts';
import {
  filesKind,
  type FilesResult,
  filesVersion,
  type FileToPlace,
  type ReloadedUnit,
} from '../../../shared/task/files.ts';
import { withLock } from '../../services/lock.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { accepts } from './check.ts';
import { changeKnownHosts, scan } from './known-hosts.ts';
import { parseFilesSpec } from './spec.ts';

/** A file as it is and as it is to be. */
interface Staged {
  /** Where symbolic links lead. */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string;
  readonly mode: number;
  /** Its earlier content, when that was not ours, is kept beside it. */
  readonly keep: boolean;
}

/** First words of every file that is ours alone, after the comment sign. */
const ownMark = 'Made by hostler';

/** Checks all files, then replaces those that change, each in one step. */
export const files: TaskKind = {
  kind: filesKind,
  version: filesVersion,
  roles: ['boot'],
  async run(context) {
    const spec = parseFilesSpec(context.spec);
    const lock = join(context.home, 'files.lock');
    return withLock(lock, `task ${context.id}`, context.signal, async () => {
      const staged: Staged[] = [];
      const silent: string[] = [];
      for (const file of spec.files) staged.push(await stage(context, file, silent));
      const changed = staged.filter(({ before, after }) => before !== after);
      for (const one of changed) {
        context.signal.throwIfAborted();
        await place(one);
        context.log(`${one.path} is new`);
      }
      if (changed.length > 0) for (const unit of spec.reload) await reload(context, unit);
      const result: FilesResult = { changed: changed.map(({ path }) => path), ...(silent.length > 0 && { silent }) };
      return { ...result };
    });
  },
};

async function stage(context: TaskContext, file: FileToPlace, silent: string[]): Promise<Staged> {
  const path = await realpath(file.path).catch(() => file.path);
  const before = await readText(path);
  if ('hosts' in file) {
    const mode = before === undefined ? 0o644 : (await stat(path)).mode & 0o777;
    return { path, before, after: changeHostsFile(before ?? '', file.hosts), mode, keep: false };
  }
  if ('knownHosts' in file) {
    const scanned = await scan(file.knownHosts.scan, context);
    silent.push(...scanned.silent);
    const after = changeKnownHosts(before ?? '', file.knownHosts.forget, scanned.lines);
    return { path, before, after, mode: 0o600, keep: false };
  }
  if (file.check && before !== file.content) {
    const draft = join(context.dir, 'draft');
    await writeFile(draft, file.content, { mode: 0o644 });
    const checked = await accepts(file.check, draft, path, context.signal).finally(() => rm(draft, { force: true }));
    if (!checked) context.log(`${path} was not checked: ${file.check.by} is not installed here`);
  }
  const keep = before !== undefined && !before.slice(0, 200).includes(ownMark);
  return { path, before, after: file.content, mode: file.mode, keep };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    const why = cause instanceof TypeError ? 'it is not UTF-8 text' : cause instanceof Error ? cause.message : '';
    throw new HostlerError('failed_precondition', `${path} cannot be read: ${why}. Nothing was changed.`, { cause });
  }
}

async function place({ path, before, after, mode, keep }: Staged): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  if (keep && before !== undefined) {
    await writeFile(`${path}.before-hostler`, before, { flag: 'wx', mode: 0o600 }).catch(alreadyThere);
  }
  try {
    await replaceFile(path, after, mode);
  } catch (error) {
    // A file that is itself a mount point, as /etc/hosts in containers, can only be written in place.
    if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error;
    await writeFile(path, after);
  }
}

function alreadyThere(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}

/** Where systemd runs and has the unit running; a service that does not come up is a failure of the task. */
async function reload(context: TaskContext, unit: ReloadedUnit): Promise<void> {
  const systemctl = which('systemctl');
  const system = await stat('/run/systemd/system').catch(() => undefined);
  if (systemctl === undefined || system === undefined) {
    context.log(`${unit} was not told: systemd does not run here`);
    return;
  }
  await run(systemctl, ['try-reload-or-restart', unit], { signal: context.signal, timeoutMs: 60_000 });
}
