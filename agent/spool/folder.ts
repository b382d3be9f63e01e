import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { syncPath, replaceFile } from '../../shared/files/durable.ts';
import { isCancel, isResult, isSpec, isStart, isTold } from './records.ts';
import type { CancelRecord, ResultRecord, SpecRecord, StartRecord, ToldRecord } from './records.ts';

/** Bytes set aside in each folder, so that a task on a full disk can still say how it ended. */
const reserveBytes = 64 * 1024;

/** A task id as a file name: itself where it is plain, else a digest of it. */
export function folderName(id: string): string {
  return /^[A-Za-z0-9][\w.@=-]{0,120}$/.test(id) ? id : `x-${createHash('sha256').update(id).digest('hex')}`;
}

/** The folder of one accepted task. Every record in it is whole or absent. */
export class TaskFolder {
  readonly dir: string;
  readonly log: string;
  readonly events: string;
  readonly heartbeat: string;

  constructor(dir: string) {
    this.dir = dir;
    this.log = join(dir, 'log');
    this.events = join(dir, 'events.ndjson');
    this.heartbeat = join(dir, 'heartbeat');
  }

  /** Makes the folder, whole and on the disk when this resolves. Throws what the file system throws, leaving nothing. */
  static async create(spool: string, spec: SpecRecord): Promise<TaskFolder> {
    const name = folderName(spec.id);
    const temporary = join(spool, `.new-${name}-${randomBytes(4).toString('hex')}`);
    try {
      await mkdir(join(temporary, 'children'), { recursive: true, mode: 0o700 });
      await writeFile(join(temporary, 'log'), '', { mode: 0o600 });
      await writeFile(join(temporary, 'events.ndjson'), '', { mode: 0o600 });
      await writeFile(join(temporary, 'reserve'), randomBytes(reserveBytes), { mode: 0o600 });
      await replaceFile(join(temporary, 'spec.json'), JSON.stringify(spec));
      await rename(temporary, join(spool, name));
      await syncPath(spool);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    return new TaskFolder(join(spool, name));
  }

  /** The folders in a spool; what a crash left half-made is taken away. */
  static async all(spool: string): Promise<TaskFolder[]> {
    const names = await readdir(spool, { withFileTypes: true });
    const halves = names.filter((entry) => entry.name.startsWith('.new-'));
    for (const half of halves) await rm(join(spool, half.name), { recursive: true, force: true });
    return names
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => new TaskFolder(join(spool, entry.name)));
  }

  /** Undefined: no folder of a task, or a damaged one. */
  spec(): SpecRecord | undefined {
    return this.#read('spec.json', isSpec);
  }

  start(): StartRecord | undefined {
    return this.#read('start.json', isStart);
  }

  cancelled(): CancelRecord | undefined {
    return this.#read('cancel.json', isCancel);
  }

  result(): ResultRecord | undefined {
    return this.#read('result.json', isResult);
  }

  told(): ToldRecord {
    return this.#read('told.json', isTold) ?? { started: false };
  }

  /** True for exactly one process, whatever happens: that one runs the task. */
  claim(record: StartRecord): boolean {
    const temporary = join(this.dir, `start.${record.pid}.tmp`);
    try {
      const file = openSync(temporary, 'w', 0o600);
      writeSync(file, JSON.stringify(record));
      fsyncSync(file);
      closeSync(file);
      linkSync(temporary, join(this.dir, 'start.json'));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  async writeCancel(record: CancelRecord): Promise<void> {
    await replaceFile(join(this.dir, 'cancel.json'), JSON.stringify(record));
  }

  /** Uses the room set aside; throws when even that does not do. */
  async writeResult(record: ResultRecord): Promise<void> {
    await rm(join(this.dir, 'reserve'), { force: true });
    await replaceFile(join(this.dir, 'result.json'), JSON.stringify(record));
  }

  async writeTold(record: ToldRecord): Promise<void> {
    await replaceFile(join(this.dir, 'told.json'), JSON.stringify(record));
  }

  beat(): void {
    try {
      const now = new Date();
      utimesSync(this.heartbeat, now, now);
    } catch {
      try {
        closeSync(openSync(this.heartbeat, 'a', 0o600));
      } catch {
        // A full disk, or the folder is gone: the process id still tells that we live.
      }
    }
  }

  /** Milliseconds since the last beat; undefined when there was none. */
  silence(): number | undefined {
    try {
      return Math.max(0, Date.now() - statSync(this.heartbeat).mtimeMs);
    } catch {
      return undefined;
    }
  }

  /** The last lines of the log, for the message about a process that died. */
  lastLines(count: number): string[] {
    try {
      const text = readPiece(this.log, Math.max(0, statSync(this.log).size - 16_384), 16_384).toString('utf8');
      const lines = text.split('\n').map((line) => line.trim());
      return lines.filter((line) => line !== '').slice(-count);
    } catch {
      return [];
    }
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }

  #read<T>(name: string, check: (value: unknown) => value is T): T | undefined {
    let text: string;
    try {
      text = readFileSync(join(this.dir, name), 'utf8');
    } catch {
      return undefined;
    }
    try {
      const value: unknown = JSON.parse(text);
      if (check(value)) return value;
    } catch (error) {
      throw new HostlerError('data_loss', `${join(this.dir, name)} is damaged`, { cause: error });
    }
    throw new HostlerError('data_loss', `${join(this.dir, name)} is damaged`);
  }
}

/** Up to `most` bytes of a file from `offset` on. */
export function readPiece(path: string, offset: number, most: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(most);
    return buffer.subarray(0, readSync(file, buffer, 0, most, offset));
  } finally {
    closeSync(file);
  }
}
