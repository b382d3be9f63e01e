import { open, readFile, rename, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';
import { textFile } from '../../../../shared/text/text-file.ts';
import { isStatic, machineOf, programKind } from '../../image-tree/elf.ts';
import { existsInside, inside } from '../../image-tree/inside.ts';
import { cpio } from './cpio.ts';
import type { CpioEntry } from './cpio.ts';
import { driverFolders, driverNames, loadedFirst } from './drivers.ts';
import { chooseModules, firmwareOf, moduleName, readModuleTree, uncompressed, writeTables } from './modules.ts';
import type { ModuleTree } from './modules.ts';

export interface InitrdRequest {
  /** The image's tree. */
  readonly root: string;
  readonly kernelver: string;
  /** Where the archive goes; replaced by one rename. */
  readonly output: string;
  /** Further modules by name (osimage.netdrivers); `allupdate`: all that driver packages added. */
  readonly netdrivers: readonly string[];
  readonly signal: AbortSignal;
  log(line: string): void;
  /** What an initrd with another purpose holds besides. */
  readonly more?: {
    /** Kernel modules, as in drivers.ts. */
    readonly folders: readonly string[];
    readonly names: readonly string[];
    /** Files whose folders come by themselves. */
    readonly entries: readonly CpioEntry[];
  };
}

export interface InitrdResult {
  readonly modules: number;
  readonly firmware: number;
  readonly bytes: number;
}

/** Scripts of the initrd, by their path in it. */
const scripts = {
  init: textFile(import.meta.url, './init.sh'),
  'etc/dhcp.sh': textFile(import.meta.url, './dhcp.sh'),
} as const;

/** All of this code that decides what comes out, for the key of an initrd; the number is raised when other code does. */
export const initrdFormat = [1, scripts, driverFolders, driverNames, loadedFirst] as const;

/**
 * The first root file system of a node, out of the image's own kernel modules and its static busybox. Nothing of the
 * image is run, so a foreign architecture costs nothing more.
 */
export async function makeInitrd(request: InitrdRequest): Promise<InitrdResult> {
  const { root, kernelver, output, signal } = request;
  const folder = await inside(root, `lib/modules/${kernelver}`);
  const tree = await readModuleTree(folder);
  const { folders = [], names = [], entries = [] } = request.more ?? {};
  const chosen = chooseModules(tree, {
    folders: [...driverFolders, ...folders],
    names: [...driverNames, ...names, ...request.netdrivers.flatMap((name) => driversCalled(name, tree))],
  });
  const unknown = chosen.unknown.filter((name) =>
    request.netdrivers.some((driver) => driver !== 'allupdate' && driver.replaceAll('-', '_').startsWith(name)),
  );
  for (const name of unknown)
    request.log(`Warning: netdrivers names ${name}, which the kernel ${kernelver} does not have.`);

  const firmware = new Map<string, string>();
  const packed = new Packer();
  for (const path of ['dev', 'etc', 'bin', 'lib']) packed.folder(path);
  packed.add({ path: 'sbin', kind: 'link', target: 'bin' });
  // The kernel opens it for process 1 before anything is mounted.
  packed.add({ path: 'dev/console', kind: 'character', device: [5, 1] });
  packed.add({ path: 'bin/busybox', kind: 'file', mode: 0o755, content: await busyboxFor(root) });
  for (const [path, text] of Object.entries(scripts)) {
    packed.add({ path, kind: 'file', mode: 0o755, content: Buffer.from(text) });
  }
  for (const entry of entries) packed.add(entry);
  packed.add({ path: 'etc/modules', kind: 'file', content: Buffer.from(`${loadedFirst.join('\n')}\n`) });
  const base = `lib/modules/${kernelver}`;
  for (const path of chosen.paths) {
    signal.throwIfAborted();
    const content = await readModule(join(folder, path), `${output}.module-${process.pid}`, signal);
    packed.file(`${base}/${uncompressed(path)}`, content);
    for (const name of firmwareOf(content)) await findFirmware(root, name, firmware);
  }
  for (const [path, text] of Object.entries(writeTables(tree, chosen.paths)))
    packed.file(`${base}/${path}`, Buffer.from(text));
  for (const [path, source] of [...firmware].sort()) packed.file(path, await readFile(source));

  const bytes = await compress(packed.entries, output, signal);
  return { modules: chosen.paths.length, firmware: firmware.size, bytes };
}

/** Entries in order, every folder before what it holds. */
class Packer {
  readonly entries: CpioEntry[] = [];
  readonly #folders = new Set<string>(['.']);

  add(entry: CpioEntry): void {
    this.folder(posix.dirname(entry.path));
    this.entries.push(entry);
  }

  file(path: string, content: Uint8Array): void {
    this.add({ path, kind: 'file', content });
  }

  folder(path: string): void {
    if (this.#folders.has(path)) return;
    this.folder(posix.dirname(path));
    this.#folders.add(path);
    this.entries.push({ path, kind: 'folder' });
  }
}

/** Modules outside of the kernel's own folder came with driver packages. */
function driversCalled(name: string, tree: ModuleTree): string[] {
  if (name !== 'allupdate') return [name];
  return [...tree.needs.keys()].filter((path) => !path.startsWith('kernel/')).map(moduleName);
}

const busyboxNames = ['busybox', 'busybox-static', 'busybox.static'];
const programFolders = ['usr/bin', 'bin', 'sbin', 'usr/sbin'];

/**
 * The image's own static busybox; else this machine's, if it is for the same kind of machine: Enterprise Linux has no
 * package of it.
 */
async function busyboxFor(root: string): Promise<Buffer> {
  for (const place of programFolders.flatMap((folder) => busyboxNames.map((name) => `${folder}/${name}`))) {
    const file = await existsInside(root, place);
    if (file === undefined) continue;
    const content = await readFile(file);
    if (isStatic(content)) return content;
  }
  const own = await ownBusybox();
  const kind = await programKind(root);
  if (own !== undefined && kind !== undefined && machineOf(own) === kind) return own;
  throw new HostlerError(
    'failed_precondition',
    `No static busybox in ${root}, which the initrd is made of, and none of the same architecture on this machine. ` +
      'Add the package busybox-static to the pkglist, or where the distribution has none put the program into the image as /usr/bin/busybox.',
  );
}

/** This machine's static busybox. */
export async function ownBusybox(): Promise<Buffer | undefined> {
  for (const file of ['/bin/busybox', '/usr/bin/busybox', '/usr/bin/busybox-static', '/sbin/busybox']) {
    const content = await readFile(file).catch(() => undefined);
    if (content !== undefined && isStatic(content)) return content;
  }
  return undefined;
}

const decompressors: readonly (readonly [ending: string, program: string])[] = [
  ['.xz', 'xz'],
  ['.zst', 'zstd'],
  ['.gz', 'gzip'],
];

/** busybox cannot load compressed modules. `temporary`: a file that may come and go. */
async function readModule(file: string, temporary: string, signal: AbortSignal): Promise<Buffer> {
  const program = decompressors.find(([ending]) => file.endsWith(ending))?.[1];
  if (program === undefined) return readFile(file);
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await run(program, ['-d', '-c', '-q', file], { stdoutTo: handle.fd, signal });
    return await readFile(temporary);
  } finally {
    await handle.close();
    await rm(temporary, { force: true });
  }
}

async function findFirmware(root: string, name: string, found: Map<string, string>): Promise<void> {
  for (const ending of ['', '.xz', '.zst']) {
    const path = `lib/firmware/${name}${ending}`;
    if (found.has(path)) return;
    const file = await existsInside(root, path);
    if (file === undefined) continue;
    found.set(path, file);
    return;
  }
}

/** zstd: three times as quick to unpack as gzip while the machine boots; every kernel since 5.9 knows it. */
async function compress(entries: readonly CpioEntry[], output: string, signal: AbortSignal): Promise<number> {
  const temporary = `${output}.new-${process.pid}`;
  const handle = await open(temporary, 'wx', 0o644);
  try {
    await run('zstd', ['-q', '-9', '-T0', '-c'], { input: Readable.from(cpio(entries)), stdoutTo: handle.fd, signal });
    await handle.sync();
    const { size } = await handle.stat();
    await rename(temporary, output);
    return size;
  } finally {
    await handle.close();
    await rm(temporary, { force: true });
  }
}
