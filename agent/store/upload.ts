import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import type { BlobStore } from './blobs.ts';
import { parseContentRange } from './ranges.ts';
import { sendText } from './send-file.ts';

/** How many bytes of an unfinished upload the store has. In answers to HEAD (404) and PUT. */
export const receivedHeader = 'Upload-Offset';

/** Larger blobs are refused: 256 GiB. */
const largestBlob = 256 * 1024 ** 3;

/**
 * Takes uploads: PUT with `Content-Range: bytes FIRST-LAST/TOTAL` (or none: the whole). 201 when the blob is complete and
 * right, 202 when more is to come, 409 when FIRST is not where the store stands (it says where), 422 when the
 * content is not what the digest says (all of it is dropped), 507 when the disk is full.
 */
export class Uploads {
  readonly #store: BlobStore;
  readonly #busy = new Set<string>();

  constructor(store: BlobStore) {
    this.#store = store;
  }

  async put(request: IncomingMessage, response: ServerResponse, digest: string): Promise<void> {
    if ((await this.#store.size(digest)) !== undefined) {
      request.resume();
      sendText(response, 201, 'here already\n');
      return;
    }
    if (this.#busy.has(digest)) {
      response.setHeader('Retry-After', '1');
      response.setHeader('Connection', 'close');
      sendText(response, 503, 'another upload of this blob is under way\n');
      return;
    }
    this.#busy.add(digest);
    try {
      await this.#append(request, response, digest);
    } finally {
      this.#busy.delete(digest);
    }
  }

  async #append(request: IncomingMessage, response: ServerResponse, digest: string): Promise<void> {
    const span = spanOf(request);
    if (!span || span.total > largestBlob) {
      sendText(response, span ? 413 : 400, 'needs Content-Range or Content-Length of sensible size\n');
      return;
    }
    const received = await this.#store.partialSize(digest);
    response.setHeader(receivedHeader, String(received));
    if (span.first > received) {
      response.setHeader('Connection', 'close');
      sendText(response, 409, `the store has ${received} bytes\n`);
      return;
    }
    await this.#store.prepare(span.total - span.first);
    const partial = this.#store.partialPath(digest);
    let left = span.last - span.first + 1;
    await pipeline(
      request,
      async function* (pieces: AsyncIterable<Buffer>) {
        for await (const piece of pieces) {
          left -= piece.length;
          if (left < 0) throw new HostlerError('invalid_argument', 'More bytes came than Content-Range says.');
          yield piece;
        }
      },
      createWriteStream(partial, received === 0 ? { flags: 'w', mode: 0o600 } : { flags: 'r+', start: span.first }),
    );
    const now = await this.#store.partialSize(digest);
    response.setHeader(receivedHeader, String(now));
    if (now < span.total) {
      sendText(response, 202, `the store has ${now} bytes\n`);
      return;
    }
    try {
      await this.#store.putFile(partial, 'move', { digest });
    } catch (error) {
      if (!(error instanceof HostlerError) || error.code !== 'data_loss') throw error;
      await rm(partial, { force: true });
      response.setHeader(receivedHeader, '0');
      sendText(response, 422, `${error.message}\n`);
      return;
    }
    sendText(response, 201, 'kept\n');
  }
}

function spanOf(request: IncomingMessage): { first: number; last: number; total: number } | undefined {
  const header = request.headers['content-range'];
  if (header !== undefined) return parseContentRange(header);
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  return Number.isSafeInteger(length) && length >= 0 ? { first: 0, last: length - 1, total: length } : undefined;
}
