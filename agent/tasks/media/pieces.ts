import type { FileHandle } from 'node:fs/promises';
import { HostlerError } from '../../../shared/errors/error.ts';

/** Bytes of a file that lie together. */
export interface Section {
  /** Byte offset. */
  readonly at: number;
  readonly bytes: number;
}

const pieceBytes = 4 * 1024 * 1024;

/**
 * The content of sections, one after the other. While one piece is used the next is read; a piece is good until the
 * next one is asked for.
 */
export async function* pieces(
  handle: FileHandle,
  sections: readonly Section[],
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const longest = Math.max(...sections.map(({ bytes }) => bytes), 0);
  const buffers = [0, 1].map(() => Buffer.allocUnsafe(Math.min(pieceBytes, longest)));
  let turn = 0;
  const read = async ({ at, bytes }: Section): Promise<Buffer> => {
    const buffer = buffers[(turn += 1) % 2] ?? Buffer.alloc(0);
    for (let done = 0; done < bytes;) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, done, bytes - done, at + done);
      if (bytesRead === 0) throw new HostlerError('data_loss', `The medium ends in the middle of ${name}.`);
      done += bytesRead;
    }
    return buffer.subarray(0, bytes);
  };
  let coming: Promise<Buffer> | undefined;
  try {
    for (const section of cut(sections)) {
      const now = coming;
      coming = read(section);
      // What goes wrong with it is heard when it is its turn.
      coming.catch(() => {});
      if (now !== undefined) yield await now;
    }
    if (coming !== undefined) yield await coming;
  } finally {
    // Whoever stops half-way closes the file next.
    await coming?.catch(() => {});
  }
}

function* cut(sections: readonly Section[]): Generator<Section> {
  for (const { at, bytes } of sections) {
    for (let done = 0; done < bytes; done += pieceBytes)
      yield { at: at + done, bytes: Math.min(pieceBytes, bytes - done) };
  }
}
