import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { BlobRef } from '../../shared/task/blob.ts';
import { HostlerError } from '../../shared/errors/error.ts';

/** A sha256 in lower-case hexadecimal, and nothing else: it becomes part of file names. */
export function isDigest(word: string): boolean {
  return /^[0-9a-f]{64}$/.test(word);
}

/** The word again, or `invalid_argument`. */
export function checkedDigest(word: string): string {
  if (!isDigest(word)) {
    throw new HostlerError('invalid_argument', `Not a sha256 digest: ${JSON.stringify(word.slice(0, 80))}.`);
  }
  return word;
}

/** Reads the file once; digest and size belong to the same bytes. */
export async function digestOf(file: string, signal?: AbortSignal): Promise<BlobRef> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(
    createReadStream(file, { highWaterMark: 1024 * 1024 }),
    async (source: AsyncIterable<Buffer>) => {
      for await (const piece of source) {
        bytes += piece.length;
        hash.update(piece);
      }
    },
    ...(signal ? [{ signal }] : []),
  );
  return { digest: hash.digest('hex'), bytes };
}
