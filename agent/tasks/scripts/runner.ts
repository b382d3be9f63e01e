import { appendFileSync, mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { printable } from '../../../shared/process/printable.ts';
import { run } from '../../../shared/process/run.ts';
import type { ScriptCall } from '../../../shared/task/scripts.ts';

/** What a shell returns for a command that is not there. */
export const notThere = 127;

/** Lines for the job and for /var/log/xcat/xcat.log, which administrators know and tools read. */
export class ScriptLog {
  readonly #file: string;
  readonly #line: (line: string) => void;
  #broken = false;

  constructor(file: string, line: (line: string) => void) {
    this.#file = file;
    this.#line = line;
  }

  write(line: string): void {
    this.#line(line);
    if (this.#broken) return;
    try {
      appendFileSync(this.#file, `${printable(line)}\n`, { mode: 0o640 });
    } catch (error) {
      this.#broken = true;
      this.#line(`cannot write to ${this.#file}: ${HostlerError.from(error).message}`);
    }
  }

  /** Makes the folder; a log that cannot be written is no reason not to run scripts. */
  open(): this {
    try {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o755 });
    } catch {
      // the first line tells
    }
    return this;
  }
}

export interface RunScript {
  readonly file: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly log: ScriptLog;
}

/** Runs one script to its end; the exit code, also for one that was ended by a signal or ran too long. */
export async function runScript(call: ScriptCall, how: RunScript): Promise<{ exit: number; seconds: number }> {
  const started = Date.now();
  try {
    const [program, first] = await interpreter(how.file);
    const { exit, seconds } = await run(program, [...first, ...call.args], {
      cwd: how.folder,
      inheritEnv: false,
      env: { HOME: '/root', LANG: 'C', ...how.environment },
      signal: how.signal,
      timeoutMs: how.timeoutMs,
      onLine: (line) => how.log.write(line),
      keepBytes: 4_096,
      allowExit: 'any',
    });
    return { exit, seconds: Math.round(seconds * 1000) / 1000 };
  } catch (error) {
    how.signal.throwIfAborted();
    const { code, message } = HostlerError.from(error);
    how.log.write(`${call.name}: ${message}`);
    return { exit: code === 'deadline_exceeded' ? 124 : 126, seconds: (Date.now() - started) / 1000 };
  }
}

/** A script without a first line that names its interpreter is one for /bin/sh, as under a shell. */
async function interpreter(file: string): Promise<readonly [program: string, args: readonly string[]]> {
  const handle = await open(file, 'r');
  try {
    const start = Buffer.alloc(4);
    await handle.read(start, 0, 4, 0);
    const runsItself = start.subarray(0, 2).toString('latin1') === '#!' || start.toString('latin1') === '\x7fELF';
    return runsItself ? [file, []] : ['/bin/sh', [file]];
  } finally {
    await handle.close();
  }
}
