import { HostlerError } from '../../shared/errors/error.ts';
import { StanzaReader } from '../../shared/stanza/index.ts';
import type { RunPart__Output } from '../../shared/wire/generated/hostler/v1/RunPart.ts';
import type { RunRequest__Output } from '../../shared/wire/generated/hostler/v1/RunRequest.ts';
import { messageLimit } from '../../shared/wire/limits.ts';
import type { VerbRequest } from '../jobs/types.ts';

export type Parts = AsyncIterator<RunPart__Output, unknown>;

/** The request at the head of the parts. Throws invalid_argument. */
export async function headOf(parts: Parts): Promise<RunRequest__Output> {
  const { done, value } = await parts.next();
  if (done === true || value.request === undefined || value.request === null) {
    throw new HostlerError('invalid_argument', 'A streamed command begins with its request.');
  }
  return value.request;
}

/** Commands that take stanzas: the only input that may be longer than one message. */
function takesStanzas({ verb, options }: VerbRequest): boolean {
  return (verb === 'mkdef' || verb === 'chdef') && options['stanza'] !== undefined;
}

/**
 * What follows the request, as the verb gets it. Stanzas are read as they come, so that only the objects are kept; a line
 * that does not end is refused where it grows too long. Other input is text, and no longer than a message may be.
 * Throws invalid_argument and resource_exhausted.
 */
export async function streamedInput(
  request: VerbRequest,
  parts: Parts,
): Promise<Pick<VerbRequest, 'input' | 'stanzas'>> {
  // Like a file that is read at once: what is no UTF-8 becomes U+FFFD, a byte order mark stays.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  if (takesStanzas(request)) {
    const reader = new StanzaReader();
    for await (const piece of inputOf(parts)) reader.push(decoder.decode(piece, { stream: true }));
    reader.push(decoder.decode());
    return { stanzas: reader.finish() };
  }
  const pieces: string[] = [];
  let size = 0;
  for await (const piece of inputOf(parts)) {
    size += piece.length;
    if (size > messageLimit) {
      const limit = `${messageLimit / (1024 * 1024)} MiB`;
      throw new HostlerError('resource_exhausted', `The input of ${request.verb} is longer than ${limit}.`);
    }
    pieces.push(decoder.decode(piece, { stream: true }));
  }
  return { input: pieces.join('') + decoder.decode() };
}

async function* inputOf(parts: Parts): AsyncGenerator<Buffer> {
  for (let part = await parts.next(); part.done !== true; part = await parts.next()) {
    if (part.value.input === undefined) {
      throw new HostlerError('invalid_argument', 'Behind the request of a streamed command comes its input only.');
    }
    yield part.value.input;
  }
}
