import { readFileSync, readdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

/**
 * When a process started, in a form that can be stored and compared: `ticks:N` (since boot, Linux) or `epoch:N`
 * (seconds, from `ps`). Undefined when there is no such process, or only its zombie. Together with the process id it
 * names one process for the life of the machine.
 */
export function startTimeOf(pid: number): string | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/** False when the process is gone, is a zombie, or when its number was given to another one since. */
export function isAlive(pid: number, startTime?: string): boolean {
  const now = startTimeOf(pid);
  if (now === undefined) return false;
  if (startTime === undefined || now === startTime) return true;
  const [kind, was] = startTime.split(':');
  if (kind !== 'epoch' || !now.startsWith('epoch:')) return false;
  // `ps` counts whole seconds since the start, so two looks at one process may differ a little.
  return Math.abs(Number(now.slice(6)) - Number(was)) <= 3;
}

/** Is anybody left in this process group? Zombies that wait for a lazy init do not count where /proc tells them. */
export function groupLives(group: number): boolean {
  if (!signalReaches(-group)) return false;
  if (process.platform !== 'linux' || !procIsThere()) return true;
  return processIds().some((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(pgrp) === group && state !== 'Z' && state !== 'X';
    } catch {
      return false; // it ended while we looked
    }
  });
}

/** Every process id but init's; empty where there is no /proc. */
export function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => Number.isSafeInteger(pid) && pid > 1);
  } catch {
    return [];
  }
}

/** Processes whose command line ends with these words; none where there is no /proc. */
export function processesWith(...words: readonly string[]): number[] {
  const end = words.map((word) => `\0${word}`).join('') + '\0';
  return processIds().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').endsWith(end);
    } catch {
      return false; // it ended while we looked
    }
  });
}

function fromProc(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // A Linux without /proc (a bare chroot) still has ps, perhaps.
    return procIsThere() ? undefined : fromPs(pid);
  }
  // The name stands in parentheses and may hold anything, also parentheses: fields are counted from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const ticks = fields[19];
  if (state === 'Z' || state === 'X' || ticks === undefined) return undefined;
  return `ticks:${ticks}`;
}

function procIsThere(): boolean {
  try {
    readFileSync('/proc/self/stat', 'latin1');
    return true;
  } catch {
    return false;
  }
}

function fromPs(pid: number): string | undefined {
  // etime and args are POSIX; AIX and macOS show `<defunct>` for a zombie's arguments.
  const ps = spawnSync('ps', ['-o', 'etime=,args=', '-p', String(pid)], { encoding: 'utf8', timeout: 5_000 });
  if (ps.error !== undefined) return signalReaches(pid) ? 'epoch:0' : undefined;
  const line = ps.stdout.trim();
  // A ps that cannot see anything (Linux without /proc) must not make every process a dead one.
  if (line === '') return signalReaches(pid) ? 'epoch:0' : undefined;
  if (line.includes('<defunct>')) return undefined;
  const seconds = elapsed(line.split(/\s+/)[0] ?? '');
  return seconds === undefined ? undefined : `epoch:${Math.round(Date.now() / 1000) - seconds}`;
}

function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** `[[dd-]hh:]mm:ss` of ps in seconds. */
export function elapsed(etime: string): number | undefined {
  const match = /^(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)$/.exec(etime);
  if (match === null) return undefined;
  const [days, hours, minutes, seconds] = match.slice(1).map((n: string | undefined) => Number(n ?? 0));
  return (days ?? 0) * 86_400 + (hours ?? 0) * 3_600 + (minutes ?? 0) * 60 + (seconds ?? 0);
}
