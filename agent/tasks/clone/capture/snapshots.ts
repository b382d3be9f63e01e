import { lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';
import { which } from '../../../../shared/process/which.ts';
import type { CaptureMount } from '../../../../shared/task/capture.ts';
import type { TaskContext } from '../../types.ts';

/*
 * A view of a file system at one moment, where LVM or btrfs can give one (lvcreate(8), btrfs-subvolume(8)); else the file
 * system itself, which is then read in passes. What is made is written down before, and goes again however this ends.
 */

/**
 * Makes mounts in a namespace of its own, read-only, each file system by itself: what lies below mount points is seen
 * as it is on the disk, and nothing of the machine's own mounts changes. The text is fixed; all words are arguments.
 */
export const viewer = `set -e
while [ "$1" != -- ]; do
  if [ "$1" = bind ]; then mount --bind "$2" "$3"; mount -o remount,bind,ro "$3"; shift 3
  else mount -t "$2" -o "$3" "$4" "$5"; shift 5; fi
done
shift
exec "$@"`;

/** How one file system is read. */
export interface View {
  readonly at: string;
  /** Words for the viewer, up to the folder it is seen at. */
  readonly mount: readonly string[];
  /** For people: `snapshot of LVM`, `in passes: ...`. */
  readonly how: string;
}

export interface LvmVolume {
  readonly group: string;
  readonly volume: string;
  /** As findmnt names it: `/dev/mapper/vg0-root`. */
  readonly device: string;
  readonly bytes: number;
  readonly freeBytes: number;
  /** `linear`, `striped`, `thin,sparse` ... */
  readonly layout: string;
}

export interface Taken {
  readonly make: readonly string[];
  readonly remove: readonly string[];
  readonly view: View;
}

const mib = 2 ** 20;

/** A snapshot that holds what changes while the volume is read: a fifth of it, or what is free; undefined: too little. */
export function lvmSnapshot(at: string, fstype: string, volume: LvmVolume, name: string): Taken | undefined {
  const least = Math.max(256 * mib, volume.bytes * 0.02);
  if (volume.freeBytes < least || !/^(?:linear|striped)$/.test(volume.layout)) return undefined;
  const bytes = Math.floor(Math.min(volume.freeBytes, Math.max(least, volume.bytes * 0.2)) / mib) * mib;
  const whole = `${volume.group}/${name}`;
  // The file system is frozen while it is taken, so its log is empty: nothing has to be played back, and nothing may be.
  const options: Readonly<Record<string, string>> = {
    xfs: 'ro,nouuid,norecovery',
    ext3: 'ro,noload',
    ext4: 'ro,noload',
  };
  return {
    make: [
      ...['lvcreate', '--snapshot', '--permission', 'r', '--size', `${bytes}b`, '--name', name, '--yes'],
      `${volume.group}/${volume.volume}`,
    ],
    remove: ['lvremove', '--yes', whole],
    view: { at, mount: ['device', fstype, options[fstype] ?? 'ro', `/dev/${whole}`], how: 'from a snapshot of LVM' },
  };
}

/** Nested subvolumes would be empty folders in a snapshot, so there must be none that is not mounted by itself. */
export function btrfsSnapshot(at: string, name: string): Taken {
  const path = join(at, `.${name}`);
  return {
    make: ['btrfs', 'subvolume', 'snapshot', '-r', at, path],
    remove: ['btrfs', 'subvolume', 'delete', path],
    view: { at, mount: ['bind', path], how: 'from a snapshot of btrfs' },
  };
}

/** lvs(8), JSON. */
export function parseLvs(text: string): LvmVolume[] {
  const { report } = JSON.parse(text) as { report: { lv: Readonly<Record<string, string>>[] }[] };
  return report
    .flatMap(({ lv }) => lv)
    .map((one) => ({
      group: one['vg_name'] ?? '',
      volume: one['lv_name'] ?? '',
      device: one['lv_dm_path'] ?? '',
      bytes: Number(one['lv_size']),
      freeBytes: Number(one['vg_free']),
      layout: one['lv_layout'] ?? '',
    }));
}

/** Every file system as it is to be read. Snapshots that do not come about are said, and passes take their place. */
export async function takeViews(
  mounts: readonly CaptureMount[],
  ticket: string,
  context: TaskContext,
): Promise<readonly View[]> {
  const views: View[] = [];
  let volumes = await lvmVolumes(context);
  for (const [index, mount] of mounts.entries()) {
    const bound: View = { at: mount.at, mount: ['bind', mount.from], how: 'in passes' };
    const planned = await planOf(mount, `hostler-${ticket.slice(0, 8)}-${index}`, volumes, context);
    if (typeof planned === 'string') {
      views.push({ ...bound, how: `in passes: ${planned}` });
      continue;
    }
    try {
      await note(context, planned);
      await call(planned.make, context);
      await tryView(planned.view, context);
      views.push(planned.view);
      volumes = await lvmVolumes(context);
    } catch (error) {
      context.signal.throwIfAborted();
      await call(planned.remove, context).catch(() => ''); // was never made, or is tried again at the end
      views.push({ ...bound, how: `in passes, for no snapshot can be read: ${HostlerError.from(error).message}` });
    }
  }
  for (const { at, how } of views) context.log(`${at} is read ${how}`);
  return views;
}

/** A snapshot that cannot be mounted is of no use; better known now than in the middle. */
async function tryView({ mount }: View, context: TaskContext): Promise<void> {
  const place = join(context.dir, 'try');
  await mkdir(place, { recursive: true, mode: 0o700 });
  const space = ['--mount', '--propagation', 'private', 'sh', '-c', viewer, 'sh'];
  await call(['unshare', ...space, ...mount, place, '--', 'true'], context);
}

async function planOf(
  { at, from }: CaptureMount,
  name: string,
  volumes: readonly LvmVolume[],
  context: TaskContext,
): Promise<Taken | string> {
  if (at !== from) return 'it is a folder';
  const args = ['--json', '--nofsroot', '--output', 'SOURCE,FSTYPE', '--mountpoint', at];
  const { stdout } = await run('findmnt', args, { signal: context.signal, env: { LC_ALL: 'C' }, allowExit: 'any' });
  if (stdout.trim() === '') return 'it is not mounted';
  const { filesystems } = JSON.parse(stdout) as { filesystems: { source: string; fstype: string }[] };
  const { source = '', fstype = '' } = filesystems.at(-1) ?? {};
  if (fstype === 'btrfs') {
    const nested = await call(['btrfs', 'subvolume', 'list', '-o', at], context);
    return nested.trim() === '' ? btrfsSnapshot(at, name) : 'it has subvolumes in it';
  }
  const volume = volumes.find(({ device }) => device === source);
  if (volume === undefined) return `there are no snapshots of ${fstype} on ${source}`;
  return (
    lvmSnapshot(at, fstype, volume, name) ??
    (volume.layout === 'linear' || volume.layout === 'striped'
      ? `too little is free in the volume group ${volume.group}`
      : `${volume.group}/${volume.volume} is ${volume.layout}`)
  );
}

async function lvmVolumes(context: TaskContext): Promise<LvmVolume[]> {
  if (which('lvs') === undefined) return [];
  const columns = 'vg_name,lv_name,lv_dm_path,lv_size,vg_free,lv_layout';
  const args = ['--reportformat', 'json', '--units', 'b', '--nosuffix', '--options', columns];
  const { stdout, exit } = await run('lvs', args, { signal: context.signal, env: { LC_ALL: 'C' }, allowExit: 'any' });
  return exit === 0 && stdout.trim() !== '' ? parseLvs(stdout) : [];
}

async function call(argv: readonly string[], context: Pick<TaskContext, 'signal'>): Promise<string> {
  const [program = '', ...args] = argv;
  return (await run(program, args, { signal: context.signal, env: { LC_ALL: 'C' } })).stdout;
}

const noteFile = (context: TaskContext): string => join(context.dir, 'snapshots.json');

async function noted(context: TaskContext): Promise<string[][]> {
  const text = await readFile(noteFile(context), 'utf8').catch(() => '[]');
  return JSON.parse(text) as string[][];
}

async function note(context: TaskContext, { remove }: Taken): Promise<void> {
  await writeFile(noteFile(context), JSON.stringify([...(await noted(context)), remove]), { mode: 0o600 });
}

/** Takes away what was made, whatever became of the capture; what cannot go is said with the command that does it. */
export async function dropViews(context: TaskContext): Promise<void> {
  for (const argv of await noted(context)) {
    const path = argv.at(-1) ?? '';
    const there = await lstat(path.startsWith('/') ? path : `/dev/${path}`).catch(() => undefined);
    if (there === undefined) continue;
    try {
      // Not stopped with the capture: it must not stay.
      await call(argv, { signal: AbortSignal.timeout(60_000) });
    } catch (error) {
      context.log(`Warning: a snapshot is left: ${argv.join(' ')}: ${HostlerError.from(error).message}`);
    }
  }
  await rm(noteFile(context), { force: true });
}
