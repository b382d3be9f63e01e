import type { IncomingMessage } from 'node:http';

/** Milliseconds for a body to come. */
const patience = 10_000;

/** The body of a request as text; undefined when it is longer than that, or does not come. */
export async function readBody(request: IncomingMessage, longest: number): Promise<string | undefined> {
  const timer = setTimeout(() => request.destroy(), patience);
  try {
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of request as AsyncIterable<Buffer>) {
      length += piece.length;
      // Read to its end in any case: a connection that is cut while the client still sends loses the answer.
      if (length <= longest) pieces.push(piece);
    }
    return length > longest ? undefined : Buffer.concat(pieces).toString('utf8');
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
