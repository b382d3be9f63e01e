import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';
import type { TaskContext } from '../../types.ts';
import { removeTree } from '../../image-tree/remove.ts';

/** GNU tar, reading a stream of zstd on standard input. */
export const unpackArguments = (folder: string): string[] => [
  ...['--extract', '--file', '-', '--use-compress-program', 'zstd -q', '--directory', folder, '--numeric-owner'],
  ...[
    '--preserve-permissions',
    '--same-owner',
    '--acls',
    '--xattrs',
    '--xattrs-include=*',
    '--delay-directory-restore',
  ],
];

/** A packed tree in a new folder. Throws `data_loss` when the file is not what its digest says; then nothing is left. */
export async function unpackTree(
  file: string,
  digest: string,
  folder: string,
  context: Pick<TaskContext, 'signal'>,
): Promise<void> {
  await removeTree(folder);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(piece: Buffer, _, done) {
      hash.update(piece);
      done(undefined, piece);
    },
  });
  const source = createReadStream(file, { highWaterMark: 1 << 20 });
  source.on('error', (error) => hashing.destroy(error));
  try {
    await run('tar', unpackArguments(folder), { input: source.pipe(hashing), signal: context.signal });
    if (hash.digest('hex') !== digest)
      throw new HostlerError(
        'data_loss',
        `The packed tree ${digest.slice(0, 12)} was changed in the store; it is not used.`,
      );
  } catch (error) {
    await removeTree(folder);
    throw error;
  } finally {
    source.destroy();
  }
}
