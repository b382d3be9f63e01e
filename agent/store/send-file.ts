import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { parseRange } from './ranges.ts';

/**
 * Answers GET and HEAD with a file (or a part of it, as if it were one), in whole or one range of it; 404 when there is no such file. Header names are
 * spelled as GRUB's HTTP reader wants them (`Content-Length`; it compares case, see real-lab.md "Network boot").
 * Resolves to the number of bytes sent; -1 when the client left before the end.
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: string,
  options: { type?: string; tag?: string; part?: { readonly at: number; readonly bytes: number } } = {},
): Promise<number> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined);
  if (!handle) return sendText(response, 404, 'not here\n');
  try {
    const found = await handle.stat();
    if (!found.isFile()) return sendText(response, 404, 'not here\n');
    const { at, bytes: size } = options.part ?? { at: 0, bytes: found.size };
    if (at + size > found.size) return sendText(response, 404, 'not here\n');
    const range = parseRange(request.headers.range, size);
    if (range === 'unsatisfiable') {
      response.setHeader('Content-Range', `bytes */${size}`);
      return sendText(response, 416, 'no such range\n');
    }
    const { first, last } = range ?? { first: 0, last: size - 1 };
    const length = last - first + 1;
    response.statusCode = range ? 206 : 200;
    response.setHeader('Content-Type', options.type ?? 'application/octet-stream');
    response.setHeader('Content-Length', String(length));
    response.setHeader('Accept-Ranges', 'bytes');
    if (options.tag !== undefined) response.setHeader('ETag', `"${options.tag}"`);
    if (range) response.setHeader('Content-Range', `bytes ${first}-${last}/${size}`);
    if (request.method === 'HEAD' || length === 0) {
      response.end();
      return 0;
    }
    try {
      await pipeline(
        handle.createReadStream({ start: at + first, end: at + last, highWaterMark: 256 * 1024, autoClose: false }),
        response,
      );
      return length;
    } catch {
      return -1;
    }
  } finally {
    await handle.close();
  }
}

/** A short answer in plain text. Returns how much was sent, for sendFile. */
export function sendText(response: ServerResponse, status: number, text: string): number {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Content-Length', String(Buffer.byteLength(text)));
  response.end(text);
  return text.length;
}
