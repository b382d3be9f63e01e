import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimImageSpec, NimResourceSpec } from '../../../shared/task/nim.ts';
import type { NimMaster } from './master.ts';
import { first } from './objects.ts';
import { uncertain } from './uncertain.ts';

/** What will be written below a path of the master. */
export interface Need {
  readonly path: string;
  readonly megabytes: number;
}

/**
 * Makes sure that there is room for all of it, and lets file systems grow where they may: what lies in one of them is
 * added up. Throws `resource_exhausted` before hours of work rather than after them.
 */
export async function needSpace(master: NimMaster, needs: readonly Need[]): Promise<void> {
  const mounts = new Map<string, { free: number; needs: Need[] }>();
  for (const need of needs) {
    const found = await freeSpace(master, await nearest(master, need.path));
    if (found === undefined) continue;
    const mount = mounts.get(found.mount) ?? { free: found.free, needs: [] };
    mount.needs.push(need);
    mounts.set(found.mount, mount);
  }
  for (const [mount, { free, needs: here }] of mounts) {
    const sum = here.reduce((total, { megabytes }) => total + megabytes, 0);
    if (free < sum) await enlarge(master, mount, free, sum, here);
  }
}

async function enlarge(
  master: NimMaster,
  mount: string,
  free: number,
  sum: number,
  needs: readonly Need[],
): Promise<void> {
  try {
    await master.tool('chfs', ['-a', `size=+${String(Math.ceil(sum - free))}M`, mount]);
  } catch (cause) {
    const parts = needs.map(({ path, megabytes }) => `${String(megabytes)} MB for ${path}`).join(', ');
    throw new HostlerError(
      'resource_exhausted',
      `${mount} on ${master.login.name} has ${String(Math.floor(free))} MB free, and ${String(sum)} MB are needed (${parts}); it could not be enlarged (${HostlerError.from(cause).message}). Make room there, or choose another place with -l.`,
      { cause },
    );
  }
}

/** All that an image still lacks, together, before the first of it is made. */
export async function needSpaceForImage(
  master: NimMaster,
  { copySpot }: Pick<NimImageSpec, 'copySpot'>,
  missing: readonly NimResourceSpec[],
): Promise<void> {
  const needs: Need[] = [];
  for (const resource of missing) {
    // What is under way already takes its room.
    if (await master.underWay(resource.name)) continue;
    if (resource.type === 'spot' && copySpot?.to === resource.name)
      needs.push(...(await spotNeeds(master, copySpot.parent, copySpot.from)));
    else needs.push(...(await needsOf(master, resource)));
  }
  await needSpace(master, needs);
}

/** What this one resource takes: the size of what it is made from where that can be seen, and never less than xCAT asked for. */
export async function needsOf(master: NimMaster, { type, make }: NimResourceSpec): Promise<Need[]> {
  if (make === undefined) return [];
  const given = (name: string): string => make.attributes.find(([key]) => key === name)?.[1] ?? '';
  const parent = folderOf(make.location);
  const least = uncertain.megabytes;
  if (type === 'lpp_source') {
    // Of a source of which only some packages are taken nobody knows the size.
    const size = given('packages') === '' ? await sourceSize(master, given('source')) : undefined;
    return [{ path: make.location, megabytes: atLeast(least.lpp_source, size) }];
  }
  if (type === 'spot') return spotNeeds(master, folderOf(parent), given('source'));
  if (type === 'mksysb' && make.fromClient !== undefined) return [{ path: parent, megabytes: least.mksysb }];
  return [];
}

/** A SPOT's tree, and its boot images elsewhere. Only another SPOT tells how large the tree becomes. */
async function spotNeeds(master: NimMaster, parent: string, source: string): Promise<Need[]> {
  const size = source === '' || source.startsWith('/') ? undefined : await sourceSize(master, source, 'spot');
  const needs = [{ path: parent, megabytes: atLeast(uncertain.megabytes.spot, size) }];
  if (await master.exists(uncertain.bootFolder))
    needs.push({ path: uncertain.bootFolder, megabytes: uncertain.megabytes.tftpboot });
  return needs;
}

/** Of a file, a folder, or a resource (of that type, where one is given); undefined for devices, and what cannot be seen. */
async function sourceSize(master: NimMaster, source: string, type?: string): Promise<number | undefined> {
  if (source === '' || source.startsWith('/dev/')) return undefined;
  if (source.startsWith('/')) return diskUsage(master, source);
  const object = await master.show(source);
  const location = object === undefined ? '' : first(object, 'location');
  if (location === '' || (type !== undefined && object?.type !== type)) return undefined;
  return diskUsage(master, object?.type === 'spot' ? folderOf(location) : location);
}

/** Megabytes; `on`: another machine, by ssh. */
export async function diskUsage(master: NimMaster, path: string, on?: string): Promise<number | undefined> {
  // A link is what it points to.
  const du = ['-s', '-k', '-H', path];
  const { exit, stdout } =
    on === undefined
      ? await master.login.run('du', du)
      : await master.login.run('ssh', ['-o', 'BatchMode=yes', on, 'du', ...du]);
  const blocks = Number(/^\s*(\d+)\s/.exec(stdout)?.[1] ?? 'none');
  return exit === 0 && Number.isFinite(blocks) ? Math.ceil(blocks / 1024) : undefined;
}

function atLeast(megabytes: number, size: number | undefined): number {
  return size === undefined ? megabytes : Math.max(megabytes, size + uncertain.megabytes.margin);
}

/** A copy of another master's files: what of it lies here already needs no room. */
export async function needSpaceForCopy(master: NimMaster, from: string, path: string): Promise<void> {
  const size = await diskUsage(master, path, from);
  if (size === undefined) return;
  const here = (await diskUsage(master, path)) ?? 0;
  await needSpace(master, [{ path, megabytes: Math.max(size - here, 0) + uncertain.megabytes.margin }]);
}

/** `df` wants something that is there. */
async function nearest(master: NimMaster, path: string): Promise<string> {
  let there = path.replace(/(.)\/+$/, '$1');
  while (there !== '/' && !(await master.exists(there))) there = folderOf(there);
  return there;
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

/** The master's paths are POSIX paths whatever this machine is. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 1));
}
