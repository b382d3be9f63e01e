import { open, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import { run } from '../../../shared/process/run.ts';
import type { ImagePackSpec } from '../../../shared/task/image-pack.ts';
import type { TaskContext } from '../types.ts';
import { walk } from '../image-tree/walk.ts';

export interface ArchiveRequest {
  readonly method: ImagePackSpec['method'];
  readonly compress: ImagePackSpec['compress'];
  readonly staging: string;
  /** Seconds since the epoch; stands in the file system's own header. */
  readonly newest: number;
  /** Does not exist yet. */
  readonly output: string;
}

/** xCAT's name of the packed file. */
export function productName(method: ImagePackSpec['method'], compress: ImagePackSpec['compress']): string {
  return method === 'squashfs' ? 'rootimg.sfs' : `rootimg.${method}.${compress === 'xz' ? 'xz' : 'gz'}`;
}

/** All names that packing ever made. */
export const productPattern = /^rootimg\.(?:sfs|(?:cpio|tar)\.(?:gz|xz))$/;

/** zstd 3: within 12 % of the smallest that zstd makes, and fifteen times as quick. */
const squashfsOptions: Readonly<Record<string, readonly string[]>> = {
  zstd: ['-comp', 'zstd', '-Xcompression-level', '3'],
  gzip: ['-comp', 'gzip'],
  pigz: ['-comp', 'gzip'],
  xz: ['-comp', 'xz'],
  lz4: ['-comp', 'lz4'],
};

/** Without name and time in the header; on all processors where the program can. */
const compressors: Readonly<Record<string, readonly [program: string, ...args: string[]]>> = {
  gzip: ['gzip', '-n', '-c'],
  pigz: ['pigz', '-n', '-c'],
  xz: ['xz', '-T0', '-c'],
};

/** The programs that a method needs. */
export function archiveTools(method: ImagePackSpec['method'], compress: ImagePackSpec['compress']): string[] {
  if (method === 'squashfs') return ['mksquashfs'];
  return [method, compressors[compress]?.[0] ?? 'gzip'];
}

/** One file of everything in `staging`; the same staging gives the same bytes. */
export async function pack(request: ArchiveRequest, context: TaskContext): Promise<void> {
  try {
    if (request.method === 'squashfs') await packSquashfs(request, context);
    else await packArchive(request, request.method, context);
  } catch (error) {
    await rm(request.output, { force: true });
    throw error;
  }
}

async function packSquashfs(
  { staging, output, newest, compress }: ArchiveRequest,
  context: TaskContext,
): Promise<void> {
  const acls = new Set<string>();
  const options = squashfsOptions[compress] ?? squashfsOptions['zstd'] ?? [];
  const args = [
    staging,
    output,
    '-noappend',
    '-mkfs-time',
    String(newest),
    '-processors',
    String(availableParallelism()),
    ...options,
  ];
  await run('mksquashfs', args, {
    signal: context.signal,
    // Else the times of all files would be cut down to it.
    env: { SOURCE_DATE_EPOCH: undefined },
    onLine: (line) => {
      const bar = /^\[.*\]\s*(\d+)\/(\d+)\s+\d+%/.exec(line);
      if (bar !== null) context.progress('pack', 'packing', Number(bar[1]), Number(bar[2]), 'blocks');
      else if (line.startsWith('Unrecognised xattr prefix')) acls.add(line.slice('Unrecognised xattr prefix '.length));
      else if (line.trim() !== '') context.log(line);
    },
  });
  if (acls.size > 0) context.log(`squashfs does not keep ${[...acls].join(', ')}.`);
}

async function packArchive(
  { staging, output, compress }: ArchiveRequest,
  method: 'cpio' | 'tar',
  context: TaskContext,
): Promise<void> {
  const { signal } = context;
  const plain = `${output}.plain`;
  const archive = await open(plain, 'wx', 0o600);
  try {
    context.progress('pack', `collecting into ${method}`);
    if (method === 'cpio') {
      const names = walk(staging).map((entry) => `${entry.path}\0`);
      const args = ['--create', '--null', '--format=newc', '--reproducible', '--quiet', '--directory', staging];
      await run('cpio', args, { input: Readable.from(names), stdoutTo: archive.fd, signal });
      context.log('cpio keeps no file capabilities and no extended attributes; squashfs does.');
    } else {
      const kept = ['--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner', '--sort=name'];
      const same = ['--format=posix', '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime'];
      await run('tar', ['--create', '--directory', staging, ...kept, ...same, '.'], { stdoutTo: archive.fd, signal });
      context.log(
        'A node that boots a tar image gets no file capabilities and no extended attributes; with squashfs it does.',
      );
    }
    context.progress('pack', `compressing with ${compress}`);
    const [program, ...args] = compressors[compress] ?? ['gzip', '-n', '-c'];
    const packed = await open(output, 'wx', 0o644);
    try {
      await run(program, [...args, plain], { stdoutTo: packed.fd, signal });
    } finally {
      await packed.close();
    }
  } finally {
    await archive.close();
    await rm(plain, { force: true });
  }
}
