import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../shared/errors/error.ts';
import { prepareProofs } from './api/proof.ts';
import { openDiskStore } from './registry/disk-store.ts';
import { bringToFormat } from './registry/format.ts';
import type { Store } from './registry/store.ts';

/** Longest path of a socket that every system takes. */
const longestSocketPath = 100;

/** Where things lie in a manager's home. */
export function homePaths(home: string) {
  return {
    socket: join(home, 'manager.sock'),
    registry: join(home, 'registry'),
    log: join(home, 'log', 'manager.log'),
    /** Who holds the home; only for people: the lock itself is the database's. */
    holder: join(home, 'manager.pid'),
    agent: join(home, 'agent'),
    /** Beside what is the agent's own: the agent may be root, and must not write where the manager's user could lead it. */
    agentLog: join(home, 'agent', 'agent.out'),
    agentPid: join(home, 'agent', 'agent.pid'),
  };
}

/** Makes the folder with its modes: others may reach the socket and leave proofs, and see nothing else. */
export async function prepareHome(home: string): Promise<void> {
  const { socket } = homePaths(home);
  if (Buffer.byteLength(socket) > longestSocketPath) {
    throw new HostlerError(
      'invalid_argument',
      `The home ${home} has too long a path for a socket (${longestSocketPath} bytes). Choose a shorter one.`,
    );
  }
  try {
    await mkdir(home, { recursive: true });
    await chmod(home, 0o711);
    await prepareProofs(home);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HostlerError('permission_denied', `The home ${home} cannot be used: ${why}.`, { cause });
  }
}

interface Holder {
  readonly pid: number;
  readonly since: string;
}

function readHolder(path: string): string {
  try {
    const { pid, since } = JSON.parse(readFileSync(path, 'utf8')) as Holder;
    return `process ${pid}, since ${since}`;
  } catch {
    return 'a process that did not leave its number';
  }
}

/**
 * Opens the registry's database, brings it to the present format, and thereby takes the home: a second manager is told
 * who has it (failed_precondition).
 */
export async function takeHome(home: string): Promise<Store> {
  const { registry, holder } = homePaths(home);
  const open = async (): Promise<Store> => {
    try {
      return await openDiskStore(registry);
    } catch (thrown) {
      if (!(thrown instanceof HostlerError) || thrown.code !== 'failed_precondition') throw thrown;
      throw new HostlerError(
        'failed_precondition',
        `The home ${home} is in use by another manager (${readHolder(holder)}). Stop that one, or choose another --home.`,
        { cause: thrown },
      );
    }
  };
  const store = await open();
  try {
    writeFileSync(holder, JSON.stringify({ pid: process.pid, since: new Date().toISOString() } satisfies Holder), {
      mode: 0o644,
    });
    const backup = async (format: number): Promise<Store> => {
      await store.close();
      backUp(registry, `${registry}.format-${format}`);
      return open();
    };
    return await bringToFormat(store, { backup });
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/** A copy of the closed database beside it; one that is there already is from the first attempt, and better. */
function backUp(folder: string, copy: string): void {
  if (existsSync(copy)) return;
  const half = `${copy}.half`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { mode: 0o700 });
  cpSync(folder, half, { recursive: true, filter: (path) => !path.endsWith('/LOCK') });
  renameSync(half, copy);
}

/** The home is free again. */
export function leaveHome(home: string): void {
  const { socket, holder } = homePaths(home);
  rmSync(socket, { force: true });
  rmSync(holder, { force: true });
}
