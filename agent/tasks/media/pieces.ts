import type { FileHandle } from 'node:fs/promises';
import { HostlerError } from '../../../shared/errors/error.ts';

/** Bytes of a file that lie together. */
export interface Section {
  /** Byte offset. */
  readonly at: number;
  readonly bytes: number;
}

const pieceBytes = 4 * 1024 * 1024;

/** The content of sections, one after the other. The buffer is used again for every piece. */
export async function* pieces(
  handle: FileHandle,
  sections: readonly Section[],
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const longest = Math.max(...sections.map(({ bytes }) => bytes), 0);
  const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, longest));
  for (const { at, bytes } of sections) {
    for (let done = 0; done < bytes;) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, bytes - done), at + done);
      if (bytesRead === 0) throw new HostlerError('data_loss', `The medium ends in the middle of ${name}.`);
      done += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }
}
