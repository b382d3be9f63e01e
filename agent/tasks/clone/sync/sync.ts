import { lstat, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { literalPattern, excludeLines } from '../../../../shared/clone/update.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { replaceFile } from '../../../../shared/files/durable.ts';
import { run } from '../../../../shared/process/run.ts';
import { which } from '../../../../shared/process/which.ts';
import { cloneSyncKind, cloneSyncVersion, syncModules } from '../../../../shared/task/clone-sync.ts';
import type { CloneSyncResult, CloneSyncSpec, SyncAbout } from '../../../../shared/task/clone-sync.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import { withLock } from '../../image-tree/lock.ts';
import type { TaskContext, TaskKind } from '../../types.ts';
import { Lines } from './fetch.ts';
import { foreignMounts } from './mounts.ts';
import { checkedAbout, checkedSync } from './spec.ts';

/** Lines of what changed that are kept for the report. */
const mostPaths = 500;

/** On a node that was installed from a golden image: brings it to the state of that image as it is now. */
export const cloneSync: TaskKind = {
  kind: cloneSyncKind,
  version: cloneSyncVersion,
  roles: ['node', 'golden'],
  run: async (context) => {
    const spec = checkedSync(context.spec);
    if (which('rsync') === undefined)
      throw new HostlerError('failed_precondition', 'There is no rsync on this node: add it to the golden client.');
    return withLock(
      join(context.home, 'sync.lock'),
      (pid) => `This node is being brought up to date already, by process ${pid}.`,
      context.signal,
      () => sync(spec, context),
    );
  },
};

async function sync(spec: CloneSyncSpec, context: TaskContext): Promise<CloneSyncResult> {
  const lines = new Lines(spec, context);
  const log = new Changes();
  await lines.open();
  try {
    const about = await aboutOf(lines, context);
    const overrides = await fetchOverrides(lines, about, context);
    // As bytes: names need not be UTF-8.
    const own = (await Promise.all(overrides.map(({ list }) => readFile(list, 'latin1')))).flatMap((list) =>
      pathsOf(list),
    );
    const exclude = [
      ...about.exclude,
      ...(await ownExclude(spec.target, context)),
      ...(await foreignMounts(spec.target, about.mounts)).map(literalPattern),
    ].map((pattern) => Buffer.from(`${pattern}\0`));
    const file = join(context.dir, 'exclude');
    const ownBytes = own.map((path) => Buffer.from(`/${literalPattern(path)}\0`, 'latin1'));
    await writeFile(file, Buffer.concat([...exclude, ...ownBytes]), { mode: 0o600 });
    context.progress('sync', `bringing this node to ${spec.image}`);
    const to = spec.target === '' ? '/' : spec.target;
    const options = ['--delete-after', '--omit-dir-times', '--from0', `--exclude-from=${file}`];
    let bytes = await lines.fetch(syncModules.root, to.replace(/\/$/, ''), options, (flags, name) => {
      log.add(flags, name);
      if (log.changed > 0 && log.changed % 200 === 0)
        context.progress('sync', `bringing this node to ${spec.image}`, log.changed, undefined, 'files');
    });
    for (const { folder, list, came } of overrides) {
      bytes += came;
      await lay(folder, list, to, log, context);
    }
    const restart = log.kernel;
    await afterwards(spec.target, log, context);
    await noteImage(spec);
    return { changed: log.changed, deleted: log.deleted, bytes, paths: log.paths, restart };
  } finally {
    await lines.close();
  }
}

/** What rsync did, counted: the content and attributes of files, not times of folders. */
class Changes {
  changed = 0;
  deleted = 0;
  kernel = false;
  units = false;
  readonly paths: string[] = [];

  add(flags: string, name: string): void {
    if (flags === '*deleting') this.deleted += 1;
    else this.changed += 1;
    if (/^boot\/(?:vmlinu|initr)/.test(name)) this.kernel = true;
    if (/systemd\/system\//.test(name)) this.units = true;
    if (this.paths.length < mostPaths) this.paths.push(`${flags === '*deleting' ? '-' : flags} ${name}`);
  }
}

async function aboutOf(lines: Lines, context: TaskContext): Promise<SyncAbout> {
  const folder = join(context.dir, 'about');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await lines.fetch(syncModules.about, folder, [], () => undefined);
  return checkedAbout(JSON.parse(await readFile(join(folder, 'sync.json'), 'utf8')) as Json);
}

interface Override {
  readonly folder: string;
  /** Its files, each ended by NUL. */
  readonly list: string;
  readonly came: number;
}

/** They are fetched first: what an override brings, the tree is not to change before. */
async function fetchOverrides(lines: Lines, about: SyncAbout, context: TaskContext): Promise<Override[]> {
  const found: Override[] = [];
  for (let at = 0; at < about.overrides; at += 1) {
    const folder = join(context.dir, 'overrides', String(at));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const came = await lines.fetch(syncModules.override(at), folder, ['--delete'], () => undefined);
    const list = `${folder}.list`;
    const handle = await open(list, 'w', 0o600);
    try {
      const args = [folder, '-mindepth', '1', '!', '-type', 'd', '-printf', '%P\\0'];
      await run('find', args, { stdoutTo: handle.fd, signal: context.signal });
    } finally {
      await handle.close();
    }
    found.push({ folder, list, came });
  }
  return found;
}

/** Later overrides win. Folders that are there keep what they are; content counts, not time. */
async function lay(folder: string, list: string, to: string, log: Changes, context: TaskContext): Promise<void> {
  const args = [
    ...[
      '-aHAXS',
      '--numeric-ids',
      '--checksum',
      '--from0',
      `--files-from=${list}`,
      '--no-implied-dirs',
      '--keep-dirlinks',
    ],
    ...['--out-format=%i %n', `${folder}/`, to],
  ];
  await run('rsync', args, {
    signal: context.signal,
    env: { LC_ALL: 'C' },
    onLine: (line) => {
      const match = /^([<>ch][fdLDS]\S{9,}) +(.*)$/.exec(line);
      if (match !== null) log.add(match[1] ?? '', match[2] ?? '');
    },
  });
}

/** The node's own list, where SystemImager has it. */
async function ownExclude(target: string, context: TaskContext): Promise<string[]> {
  const file = `${target}/etc/systemimager/updateclient.local.exclude`;
  const found = excludeLines(await readFile(file, 'utf8').catch(() => ''));
  for (const line of found.odd) context.log(`${file}: passed over: ${line}`);
  return found.patterns;
}

function pathsOf(list: string): string[] {
  return list.split('\0').filter((path) => path !== '');
}

/** What has to know of changed files. Only on the machine itself, and only where the program is there. */
async function afterwards(target: string, changes: Changes, context: TaskContext): Promise<void> {
  if (target !== '') return;
  const calls: string[][] = [];
  if (changes.kernel) {
    if (which('update-grub') !== undefined) calls.push(['update-grub']);
    else if (which('grub2-mkconfig') !== undefined) calls.push(['grub2-mkconfig', '-o', '/boot/grub2/grub.cfg']);
  }
  const running = await lstat('/run/systemd/system').catch(() => undefined);
  if (running !== undefined && changes.units) calls.push(['systemctl', 'daemon-reload']);
  for (const [program = '', ...args] of calls) {
    context.progress('sync', `running ${program}`);
    await run(program, args, { signal: context.signal, onLine: (line) => context.log(line) });
  }
}

/** The node says from now on that it runs this version. */
async function noteImage({ target, root }: CloneSyncSpec): Promise<void> {
  const file = `${target}/var/lib/hostler/installed.json`;
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const record = JSON.parse(text) as { readonly [key: string]: Json };
  await replaceFile(file, `${JSON.stringify({ ...record, image: root })}\n`, 0o600);
}
