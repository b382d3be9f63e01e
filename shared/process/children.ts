import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { groupLives, isAlive, processIds, startTimeOf } from './alive.ts';

/** Names the folder of the task on whose behalf programs run; set by the agent for task processes only. */
export const taskDirVariable = 'HOSTLER_TASK_DIR';

interface ChildRecord {
  readonly pid: number;
  readonly startTime: string;
  readonly program: string;
}

/** Notes a process group under the running task, if there is one. The return value takes the note away. */
export function recordChild(pid: number, program: string): () => void {
  const taskDir = process.env[taskDirVariable];
  if (taskDir === undefined || taskDir === '') return () => {};
  const file = join(taskDir, 'children', String(pid));
  try {
    mkdirSync(join(taskDir, 'children'), { recursive: true, mode: 0o700 });
    const record: ChildRecord = { pid, startTime: startTimeOf(pid) ?? '', program };
    writeFileSync(file, JSON.stringify(record), { mode: 0o600 });
  } catch {
    // A full disk must not stop a program that already runs; on Linux its environment still tells whose it is.
    return () => {};
  }
  return () => {
    rmSync(file, { force: true });
  };
}

/**
 * Ends whatever a dead task's programs left running: the recorded process groups and, on Linux, every process that
 * carries the task's folder in its environment. Polite first, forced after `graceMs`. Resolves with how many groups
 * and processes were found; survivors are gone or unkillable.
 */
export async function endChildren(taskDir: string, graceMs = 3_000): Promise<number> {
  const targets = new Set<number>();
  for (const record of readRecords(taskDir)) {
    // The leader may be gone while its group lives on; a number that belongs to another process now is left alone.
    const leaderNow = startTimeOf(record.pid);
    const taken = leaderNow !== undefined && record.startTime !== '' && !isAlive(record.pid, record.startTime);
    if (!taken && groupLives(record.pid)) targets.add(-record.pid);
  }
  for (const pid of carriers(taskDir)) targets.add(pid);
  const found = targets.size;
  for (const target of targets) send(target, 'SIGTERM');
  const until = Date.now() + graceMs;
  while (Date.now() < until && someLeft(targets, taskDir)) await sleep(50);
  for (const target of targets) send(target, 'SIGKILL');
  // Whatever was started in the meantime; twice, since a process may fork between look and kill.
  for (let round = 0; round < 2; round += 1) for (const pid of carriers(taskDir)) send(pid, 'SIGKILL');
  const bound = Date.now() + 2_000;
  while (Date.now() < bound && someLeft(targets, taskDir)) await sleep(20);
  rmSync(join(taskDir, 'children'), { recursive: true, force: true });
  return found;
}

function someLeft(targets: ReadonlySet<number>, taskDir: string): boolean {
  for (const target of targets) {
    if (target > 0 ? isAlive(target) : groupLives(-target)) return true;
  }
  return carriers(taskDir).length > 0;
}

function carriers(taskDir: string): number[] {
  if (process.platform !== 'linux') return [];
  const word = `${taskDirVariable}=${taskDir}`;
  return processIds().filter((pid) => {
    if (pid === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(word) && isAlive(pid);
    } catch {
      return false; // gone, or not ours to look at
    }
  });
}

function readRecords(taskDir: string): ChildRecord[] {
  let names: string[];
  try {
    names = readdirSync(join(taskDir, 'children'));
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    try {
      const record: unknown = JSON.parse(readFileSync(join(taskDir, 'children', name), 'utf8'));
      return isRecord(record) ? [record] : [];
    } catch {
      return []; // half-written when the task died; the environment scan finds the process
    }
  });
}

function isRecord(value: unknown): value is ChildRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, startTime } = value as Partial<ChildRecord>;
  return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 1 && typeof startTime === 'string';
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // already gone
  }
}
