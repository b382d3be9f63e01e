import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimMaster } from './master.ts';
import { uncertain } from './uncertain.ts';

/**
 * Makes sure that so many megabytes are free where the path is, and lets the file system grow where it may. Throws
 * `resource_exhausted` before hours of work rather than after them.
 */
export async function needSpace(master: NimMaster, path: string, megabytes: number): Promise<void> {
  const before = await freeSpace(master, path);
  if (before === undefined || before.free >= megabytes) return;
  const missing = Math.ceil(megabytes - before.free);
  try {
    await master.tool('chfs', ['-a', `size=+${String(missing)}M`, before.mount]);
  } catch (cause) {
    throw new HostlerError(
      'resource_exhausted',
      `${before.mount} on ${master.login.name} has ${String(Math.floor(before.free))} MB free, and ${String(megabytes)} MB are needed for ${path}; it could not be enlarged (${HostlerError.from(cause).message}). Make room there, or choose another place with -l.`,
      { cause },
    );
  }
}

/** A SPOT's tree, and its boot images elsewhere. */
export async function needSpaceForSpot(master: NimMaster, parent: string): Promise<void> {
  await needSpace(master, parent, uncertain.megabytes.spot);
  if (await master.exists(uncertain.bootFolder))
    await needSpace(master, uncertain.bootFolder, uncertain.megabytes.tftpboot);
}

async function freeSpace(master: NimMaster, path: string): Promise<{ free: number; mount: string } | undefined> {
  const [header = '', ...lines] = (await master.tool('df', ['-m', path])).trimEnd().split('\n');
  const fields = lines.join(' ').trim().split(/\s+/);
  // AIX heads the column Free, POSIX and Linux Available, one further to the right.
  const columns = /\bAvailable\b/.test(header) ? uncertain.dfColumnsPosix : uncertain.dfColumns;
  const free = Number(fields[columns.free]);
  const mount = fields[columns.mount] ?? '';
  return Number.isFinite(free) && mount !== '' ? { free, mount } : undefined;
}

/** A backup grows beyond what many a master lets a process write: told before it is begun. */
export async function needFileSize(master: NimMaster): Promise<void> {
  const limit = (await master.tool('sh', ['-c', 'ulimit -f'])).trim();
  if (limit === 'unlimited' || Number(limit) >= uncertain.leastFileBlocks) return;
  throw new HostlerError(
    'failed_precondition',
    `The file size limit on ${master.login.name} is ${limit} blocks of 512 bytes, too small for a mksysb. Set "fsize = -1" for root in /etc/security/limits there, log in again and restart the agent.`,
  );
}
