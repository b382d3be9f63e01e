import { createReadStream, lutimesSync } from 'node:fs';
import { open, rm, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { HostlerError } from '../../../shared/errors/error.ts';
import { syncPath } from '../../../shared/files/durable.ts';
import { run } from '../../../shared/process/run.ts';
import type { ImagePackSpec } from '../../../shared/task/image-pack.ts';
import { Far, readByChild, tarTelling } from '../image-tree/far.ts';
import type { TaskContext } from '../types.ts';
import type { Addition } from './additions.ts';
import { hardLinked } from './hard-linked.ts';
import type { Survey } from './survey.ts';

export interface ArchiveRequest {
  readonly method: ImagePackSpec['method'];
  readonly compress: ImagePackSpec['compress'];
  readonly tree: string;
  readonly survey: Survey;
  /** Stand in the image in the place of what the tree has under their names. */
  readonly additions: readonly Addition[];
  /** Where the content of the additions is. */
  readonly folder: string;
  /** For lists of names; files come and go in it. On the file system of the tree. */
  readonly work: string;
  /** Does not exist yet. */
  readonly output: string;
}

/** All names that packing ever made. */
export const productPattern = /^rootimg\.(?:sfs|(?:cpio|tar)\.(?:gz|xz|zst|lz4))$/;

/** zstd 3: within 12 % of the smallest that zstd makes, and fifteen times as quick. */
export const squashfsOptions: Readonly<Record<string, readonly string[]>> = {
  zstd: ['-comp', 'zstd', '-Xcompression-level', '3'],
  gzip: ['-comp', 'gzip'],
  pigz: ['-comp', 'gzip'],
  xz: ['-comp', 'xz'],
  lz4: ['-comp', 'lz4'],
};

type Compressors = Readonly<Record<ImagePackSpec['compress'], readonly [program: string, ...args: string[]]>>;

/**
 * Without name and time in the header; on that many processors where the program can. How many says nothing of the bytes:
 * it is two at least, for with one some programs would not cut their input into blocks.
 */
export function compressorsOn(processors: number): Compressors {
  const processes = String(Math.max(2, processors));
  return {
    gzip: ['gzip', '-n', '-c'],
    pigz: ['pigz', '-n', '-p', processes, '-c'],
    xz: ['xz', '-T', processes, '--block-size=16MiB', '-c'],
    zstd: ['zstd', '-q', '-3', `-T${processes}`, '-c'],
    lz4: ['lz4', '-q', '-c'],
  };
}

const compressors = compressorsOn(availableParallelism());

/** The programs that a method needs. */
export function archiveTools(method: ImagePackSpec['method'], compress: ImagePackSpec['compress']): string[] {
  if (method === 'squashfs') return ['mksquashfs'];
  return [method, compressors[compress][0]];
}

/** What the packing programs say that they are: a part of the manifest. */
export async function archiveVersions(
  method: ImagePackSpec['method'],
  compress: ImagePackSpec['compress'],
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const tool of archiveTools(method, compress)) {
    const option = tool === 'mksquashfs' ? '-version' : '--version';
    const { stdout, stderr } = await run(tool, [option], { allowExit: 'any', timeoutMs: 20_000 });
    found[tool] = `${stdout}${stderr}`.split('\n', 1)[0]?.trim() ?? '';
  }
  return found;
}

/** One file of all that is to be packed; the same tree gives the same bytes. Reads the tree itself, once. */
export async function pack(request: ArchiveRequest, context: TaskContext): Promise<void> {
  try {
    if (request.method === 'squashfs') await packSquashfs(request, context);
    else await packArchive(request, request.method, context);
  } catch (error) {
    await rm(request.output, { force: true });
    throw error;
  }
}

async function packSquashfs(request: ArchiveRequest, context: TaskContext): Promise<void> {
  const { output, survey, compress, tree } = request;
  const acls = new Set<string>();
  const far = new Far('pack', bytesOf(request), context);
  const options = squashfsOptions[compress] ?? squashfsOptions['zstd'] ?? [];
  const knowsPseudoFiles = await takesFilesInLists();
  const source = knowsPseudoFiles ? tree : await hardLinked(request, context.signal);
  const lists = knowsPseudoFiles ? await squashfsLists(request) : [];
  const fixed = ['-noappend', '-mkfs-time', String(survey.newest), '-processors', String(availableParallelism())];
  const packing = run('mksquashfs', [source, output, ...fixed, '-no-progress', ...options, ...lists], {
    signal: context.signal,
    // Else the times of all files would be cut down to it.
    env: { SOURCE_DATE_EPOCH: undefined },
    onLine: (line) => {
      if (line.startsWith('Unrecognised xattr prefix')) acls.add(line.slice('Unrecognised xattr prefix '.length));
      else if (line.trim() !== '') context.log(line);
    },
  });
  // Its own bar comes at the end, where no terminal is.
  await far.during(onDisk(output, packing), () => readByChild('mksquashfs'));
  if (acls.size > 0) context.log(`squashfs does not keep ${[...acls].join(', ')}.`);
}

/**
 * Has what is written so far put on the disk while the rest is packed: the store waits for that in the end, and the disk
 * would do nothing until then.
 */
async function onDisk<T>(file: string, work: Promise<T>): Promise<T> {
  let over = false;
  const ended = work.finally(() => (over = true));
  ended.catch(() => {}); // it is awaited below
  while (!over) {
    await syncPath(file).catch(() => {}); // not there yet
    await Promise.race([delay(200), ended.catch(() => {})]);
  }
  return ended;
}

/** mksquashfs since 4.5 takes the content of files from its list of pseudo files. */
async function takesFilesInLists(): Promise<boolean> {
  const { stdout } = await run('mksquashfs', ['-version'], { allowExit: 'any', timeoutMs: 20_000 });
  const [, major = '0', minor = '0'] = /version (\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(major) > 4 || (Number(major) === 4 && Number(minor) >= 5);
}

/** Names to leave out, and files with their content to put in: mksquashfs then reads the tree as it is. */
async function squashfsLists({ tree, survey, additions, folder, work }: ArchiveRequest): Promise<string[]> {
  const exclude = join(work, 'exclude');
  const pseudo = join(work, 'pseudo');
  const files = new Set(survey.kept.map(({ path }) => path));
  const replaced = additions.filter(({ path }) => files.has(path)).map(({ path }) => path);
  const left = [...survey.dropped, ...replaced];
  const odd = left.find((path) => path.includes('\n'));
  if (odd !== undefined) {
    throw new HostlerError(
      'failed_precondition',
      `${tree} holds a file whose name has a line break (${JSON.stringify(odd)}); it cannot be left out. Rename it.`,
    );
  }
  await writeFile(exclude, left.map((path) => `${quoted(path.slice(2))}\n`).join(''));
  let offset = 0;
  const lines = additions.map((one) => {
    const name = quoted(one.path.slice(2));
    const rest = `${one.time} ${one.mode.toString(8)} ${one.uid} ${one.gid}`;
    if (one.kind === 'folder') return `${name} D ${rest}\n`;
    if (one.kind === 'link') return `${name} S ${rest} ${one.target}\n`;
    offset += one.bytes;
    return `${name} R ${rest} ${one.bytes} ${offset - one.bytes}\n`;
  });
  const handle = await open(pseudo, 'wx', 0o600);
  try {
    await handle.writeFile(`${lines.join('')}#\n# START OF DATA - DO NOT MODIFY\n#\n`);
    for (const { kind, path } of additions) if (kind === 'file') await copyInto(handle, join(folder, path));
  } finally {
    await handle.close();
  }
  return [...(left.length > 0 ? ['-wildcards', '-ef', exclude] : []), ...(additions.length > 0 ? ['-pf', pseudo] : [])];
}

async function copyInto(handle: FileHandle, file: string): Promise<void> {
  for await (const piece of createReadStream(file)) await handle.write(piece as Buffer);
}

/** One name that no program takes for a pattern, an option, a remark or two names. */
function quoted(name: string): string {
  return name.replace(/[^A-Za-z0-9_./+,:@=%~\u0080-\uffff-]/g, (sign) => `\\${sign}`);
}

async function packArchive(request: ArchiveRequest, method: 'cpio' | 'tar', context: TaskContext): Promise<void> {
  const { signal } = context;
  const { output, compress } = request;
  if (method === 'cpio') context.log('cpio keeps no file capabilities and no extended attributes; squashfs does.');
  else {
    context.log(
      'A node that boots a tar image gets no file capabilities and no extended attributes; with squashfs it does.',
    );
  }
  // What was put into folders changed their times; deepest first.
  for (const { path, kind, time } of [...request.additions].reverse()) {
    if (kind === 'folder') lutimesSync(join(request.folder, path), time, time);
  }
  context.progress('pack', `collecting into ${method}, compressing with ${compress}`);
  const far = new Far('pack', bytesOf(request), context);
  const packed = await open(output, 'wx', 0o644);
  const [program, ...args] = compressors[compress];
  try {
    if (method === 'tar') await tar(request, [program, ...args.filter((arg) => arg !== '-c')], packed.fd, signal, far);
    else await cpio(request, [program, ...args], packed.fd, signal, far);
  } finally {
    await packed.close();
  }
}

/** Of all files that are packed. */
function bytesOf({ survey, additions }: ArchiveRequest): number {
  const own = survey.kept.reduce((sum, { info }) => sum + (info.isFile() ? info.size : 0), 0);
  return additions.reduce((sum, { bytes }) => sum + bytes, own);
}

/** tar itself hands its archive to the compressor: nothing is written twice. */
async function tar(
  { tree, survey, additions, folder, work }: ArchiveRequest,
  compressor: readonly string[],
  output: number,
  signal: AbortSignal,
  far: Far,
): Promise<void> {
  const [own, added] = [join(work, 'tree.names'), join(work, 'added.names')];
  const over = new Set(additions.map(({ path }) => path));
  await writeFile(own, survey.kept.flatMap(({ path }) => (over.has(path) ? [] : [`${path}\0`])).join(''));
  await writeFile(added, additions.map(({ path }) => `${path}\0`).join(''));
  const kept = ['--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner'];
  const same = ['--format=posix', '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime'];
  const names = ['--no-recursion', '--null', '--verbatim-files-from'];
  // The tree last: its folders then get their own times when they are unpacked.
  const sources = ['--directory', folder, '--files-from', added, '--directory', tree, '--files-from', own];
  await run(
    'tar',
    [
      '--create',
      ...kept,
      ...same,
      ...tarTelling,
      `--use-compress-program=${compressor.join(' ')}`,
      ...names,
      ...sources,
    ],
    {
      stdoutTo: output,
      signal,
      onLine: (line) => far.tarLine(line),
    },
  );
}

/**
 * cpio reads one folder: the additions and the tree are its two runs, and one archive comes of both. The first is
 * small; the second goes straight to the compressor, so that nothing large is written twice.
 */
async function cpio(
  { tree, survey, additions, folder, work }: ArchiveRequest,
  [program, ...args]: readonly [string, ...string[]],
  output: number,
  signal: AbortSignal,
  far: Far,
): Promise<void> {
  const [first, pipe] = [join(work, 'additions.cpio'), join(work, 'tree.cpio')];
  const over = new Set(additions.map(({ path }) => path));
  const write = (from: string, names: readonly string[], file: string, until: AbortSignal): Promise<unknown> => {
    const fixed = ['--create', '--null', '--format=newc', '--reproducible', '--quiet', `--file=${file}`];
    const input = Readable.from(names.map((name) => `${name}\0`));
    return run('cpio', [...fixed, `--directory=${from}`], { input, signal: until });
  };
  const added = [...over];
  if (added.length > 0) {
    await write(folder, added, first, signal);
    await cutTrailer(first);
  }
  await run('mkfifo', ['--mode=600', pipe]);
  const stream = createReadStream(pipe, { highWaterMark: 1 << 20 });
  let read = 0;
  const whole = async function* (): AsyncGenerator<Buffer> {
    if (added.length > 0) for await (const piece of createReadStream(first)) yield piece as Buffer;
    for await (const piece of stream) {
      read += (piece as Buffer).length;
      yield piece as Buffer;
    }
  };
  // A compressor that fails reads no more, and cpio would wait for it for ever.
  const failed = new AbortController();
  const compressing = run(program, args, { input: Readable.from(whole()), stdoutTo: output, signal });
  compressing.catch((error: unknown) => failed.abort(error));
  try {
    const own = survey.kept.map(({ path }) => path).filter((path) => !over.has(path));
    const packing = write(tree, own, pipe, AbortSignal.any([signal, failed.signal]));
    await far.during(packing, () => Promise.resolve(read));
    await compressing;
  } catch (error) {
    stream.destroy();
    // Frees a reader that waits for somebody to write.
    await open(pipe, 'r+').then((handle) => handle.close());
    throw failed.signal.aborted ? failed.signal.reason : error;
  }
}

/** Takes the entry away that ends an archive, with what fills up its last block. */
async function cutTrailer(file: string): Promise<void> {
  const [header, trailer] = [110, 'TRAILER!!!'];
  const handle = await open(file, 'r+');
  try {
    const { size } = await handle.stat();
    const last = Buffer.alloc(Math.min(size, 1024));
    await handle.read(last, 0, last.length, size - last.length);
    const at = last.lastIndexOf(trailer) - header;
    if (at < 0 || last.toString('latin1', at, at + 6) !== '070701')
      throw new HostlerError('internal', 'cpio has written an archive without an end.');
    await handle.truncate(size - last.length + at);
  } finally {
    await handle.close();
  }
}
