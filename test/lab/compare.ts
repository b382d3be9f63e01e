import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emulator } from '../../deploy/lab/vm.ts';
import { run } from '../../shared/process/run.ts';
import { emptyDisk } from './disks.ts';
import { goldenTree, goldenTreeKey, testCache } from './golden-tree.ts';

/** What the script in compare/inspect.py found; see its head. */
export interface Comparison {
  readonly entries: Readonly<Record<string, number>>;
  readonly differences: Readonly<Record<string, readonly string[]>>;
  readonly shared: Readonly<Record<string, readonly string[]>>;
  readonly leaks: Readonly<Record<string, readonly string[]>>;
  readonly ids: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** Volumes of LVM and subvolumes of btrfs, by machine. */
  readonly volumes: Readonly<Record<string, readonly string[]>>;
}

const scripts = join(import.meta.dirname, 'compare');

/** Compares machines that are off by their disks, in a virtual machine; nothing is written to them. */
export async function compareMachines(
  source: string,
  machines: Readonly<Record<string, readonly string[]>>,
): Promise<Comparison> {
  const dir = await mkdtemp(join(tmpdir(), 'hcmp-'));
  try {
    const serials = Object.fromEntries(
      Object.entries(machines).map(([name, files], at) => [name, files.map((_, index) => `M${at}D${index}`)]),
    );
    const job = join(dir, 'job');
    await mkdir(job);
    await writeFile(join(job, 'spec.json'), JSON.stringify({ source, machines: serials }));
    await run('cp', [join(scripts, 'inspect.py'), job]);
    await run('tar', ['--create', '--file', join(dir, 'job.disk'), '--directory', job, '.']);
    const result = await emptyDisk(join(dir, 'result.disk'), 64 << 20);
    const tree = await goldenTree();
    const drives = [
      drive(0, 'labroot', await helperDisk(tree), true),
      drive(1, 'labjob', join(dir, 'job.disk'), true),
      drive(2, 'labresult', result, false),
      ...Object.entries(machines).flatMap(([name, files], at) =>
        files.map((file, index) => drive(10 + at * 4 + index, serials[name]?.[index] ?? '', file, true)),
      ),
    ];
    const console = join(dir, 'console');
    await run(
      emulator(),
      [
        ...['-machine', 'q35', '-accel', 'tcg,tb-size=128', '-cpu', 'max', '-smp', '1', '-m', '1536'],
        ...['-nodefaults', '-display', 'none', '-no-user-config', '-no-reboot', '-serial', `file:${console}`],
        ...['-kernel', await bootFile(tree, 'vmlinuz-'), '-initrd', await bootFile(tree, 'initrd.img-')],
        ...['-append', 'console=ttyS0 root=/dev/vda rw quiet panic=-1 init=/lab-init'],
        ...drives.flat(),
      ],
      { timeoutMs: 420_000, graceMs: 500 },
    );
    const said = await readFile(console, 'latin1');
    if (!/^COMPARED 0/m.test(said)) throw new Error(`The comparison failed:\n${said.slice(-4000)}`);
    await run('tar', ['--extract', '--file', result, '--directory', dir]);
    return JSON.parse(await readFile(join(dir, 'result.json'), 'utf8')) as Comparison;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** `kept`: what is written to it is forgotten. */
function drive(index: number, serial: string, file: string, kept: boolean): string[] {
  return [
    ...['-drive', `if=none,id=d${index},format=raw,cache=unsafe,snapshot=${kept ? 'on' : 'off'},file=${file}`],
    ...['-device', `virtio-blk-pci,drive=d${index},serial=${serial}`],
  ];
}

async function bootFile(tree: string, prefix: string): Promise<string> {
  const name = (await readdir(join(tree, 'boot'))).find((one) => one.startsWith(prefix));
  if (name === undefined) throw new Error(`${tree}/boot has no ${prefix}*`);
  return join(tree, 'boot', name);
}

/** The golden tree as a disk with one file system, made without mounting anything; kept. */
async function helperDisk(tree: string): Promise<string> {
  const init = await readFile(join(scripts, 'init.sh'));
  const key = createHash('sha256').update(goldenTreeKey).update(init).digest('hex').slice(0, 12);
  const file = join(testCache, `helper-${key}.disk`);
  if (await stat(file).catch(() => undefined)) return file;
  const copy = await mkdtemp(join(tmpdir(), 'hhelp-'));
  try {
    const root = join(copy, 'root');
    await run('cp', ['--archive', '--reflink=auto', tree, root]);
    await writeFile(join(root, 'lab-init'), init, { mode: 0o755 });
    const fresh = await emptyDisk(`${file}.${process.pid}`, 2 * 2 ** 30);
    await run('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=1,lazy_journal_init=1', '-d', root, fresh], {
      timeoutMs: 300_000,
    });
    await rename(fresh, file);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
  return file;
}
