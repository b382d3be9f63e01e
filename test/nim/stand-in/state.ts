import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** One object of the NIM database. Attributes keep the order in which lsnim prints them. */
export interface NimObject {
  readonly name: string;
  readonly class: 'machines' | 'resources' | 'networks' | 'groups' | 'management';
  readonly type: string;
  readonly attrs: Record<string, string>;
  /** Resources allocated to a machine: `type name`, in the order of allocation. */
  allocated: { type: string; name: string }[];
  members: string[];
  /** The process that works on the object now. */
  busy?: { pid: number; op: string };
}

/** What a test switches; every field has the value of an ordinary, healthy master. */
export interface Behaviour {
  spotSeconds: number;
  lppSeconds: number;
  mksysbSeconds: number;
  setupSeconds: number;
  showSeconds: number;
  /** What is installed on clients and in SPOTs. */
  filesets: string[];
  /** SPOTs are built as long as this is true, and their seconds besides. */
  holdSpots: boolean;
  /** Added to every nim and lsnim call. */
  commandSeconds: number;
  /** 5: exit code of lsnim on a missing object. */
  missingExit: number;
  /** 9: does -F override the allocation count. */
  forceRemovesAllocated: boolean;
  /** 13: does -F override the client state in bos_inst. */
  forceOverridesState: boolean;
  /** 30: paths on a full file system, and one where the file size limit bites. */
  fullPaths: string[];
  limitedPaths: string[];
  /** 24: clients that cannot be reached. */
  unreachable: string[];
  /** Host names that do not resolve. */
  unresolvable: string[];
  /** 32: text on stderr with exit 0. */
  noise: string;
  /** Level of the master's AIX, for 28. */
  oslevel: string;
  /** 21: does a new lpp_source get the whole support-image set. */
  simages: boolean;
  /** Commands (argv joined) that fail once, taken from the list when they did. */
  failOnce: string[];
}

const healthy: Behaviour = {
  spotSeconds: 0,
  lppSeconds: 0,
  mksysbSeconds: 0,
  setupSeconds: 0,
  showSeconds: 0,
  filesets: ['bos.rte', 'openssh.base.server', 'openssl.base'],
  holdSpots: false,
  commandSeconds: 0,
  missingExit: 53,
  forceRemovesAllocated: false,
  forceOverridesState: false,
  fullPaths: [],
  limitedPaths: [],
  unreachable: [],
  unresolvable: [],
  noise: '',
  oslevel: '7200-05',
  simages: true,
  failOnce: [],
};

interface Database {
  configured: boolean;
  objects: Record<string, NimObject>;
}

/** The master's folder: the parent of the folder in which the program was called. */
export const masterDir = resolve(dirname(process.argv[1] ?? '.'), '..');
const stateDir = join(masterDir, 'state');
const file = (name: string): string => join(stateDir, name);

export function path(...parts: string[]): string {
  return join(masterDir, ...parts);
}

export function behaviour(): Behaviour {
  const switches = existsSync(file('behaviour.json'))
    ? (JSON.parse(readFileSync(file('behaviour.json'), 'utf8')) as Partial<Behaviour>)
    : {};
  return { ...healthy, ...switches };
}

export function setBehaviour(change: Partial<Behaviour>): void {
  writeWhole(file('behaviour.json'), JSON.stringify({ ...behaviour(), ...change }));
}

export function read(): Database {
  if (!existsSync(file('db.json'))) return { configured: false, objects: {} };
  return JSON.parse(readFileSync(file('db.json'), 'utf8')) as Database;
}

/** Changes the database under the master's lock; what the callback throws leaves it unchanged. */
export function update<T>(change: (db: Database) => T): T {
  return locked(() => {
    const db = read();
    const result = change(db);
    writeWhole(file('db.json'), JSON.stringify(db, null, 1));
    return result;
  });
}

/** 33: every call of every program, in order. */
export function record(program: string, argv: readonly string[]): void {
  mkdirSync(stateDir, { recursive: true });
  const line = {
    program,
    argv,
    at: Date.now(),
    pid: process.pid,
    locale: process.env['LC_ALL'] ?? process.env['LANG'] ?? '',
  };
  appendFileSync(file('calls.ndjson'), `${JSON.stringify(line)}\n`);
}

/** Seconds since this process began, for those who measure. */
export function recordEnd(): void {
  appendFileSync(file('seconds'), `${(performance.now() / 1000).toFixed(4)}\n`);
}

/** Lets signals through, as a program that waits for others does. */
export async function pause(seconds: number): Promise<void> {
  if (seconds > 0) await setTimeout(seconds * 1000);
}

function spin(seconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // An ended child that nobody reaped still answers kill 0.
  const status = `/proc/${String(pid)}/status`;
  return !existsSync(status) || !/^State:\s*[ZX]/m.test(readFileSync(status, 'utf8'));
}

function writeWhole(target: string, text: string): void {
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.${String(process.pid)}`;
  const handle = openSync(temporary, 'w');
  writeSync(handle, text);
  closeSync(handle);
  renameSync(temporary, target);
}

function locked<T>(work: () => T): T {
  const lock = file('lock');
  mkdirSync(stateDir, { recursive: true });
  for (let tries = 0; ; tries++) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (tries > 2000) throw error;
      // Left by a killed process: nothing holds it as long as this.
      if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > 5000)
        rmSync(lock, { recursive: true, force: true });
      spin(0.005);
    }
  }
  try {
    return work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}
