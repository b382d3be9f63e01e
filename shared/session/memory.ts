import { HostlerError } from '../errors/error.ts';
import { type Codec, fromAgentCodec, toAgentCodec } from '../wire/definitions.ts';
import type { FromAgent, FromAgent__Output } from '../wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent, ToAgent__Output } from '../wire/generated/hostler/v1/ToAgent.ts';
import type { Duplex } from './duplex.ts';
import { checkSize, longestMessage, tooLongSentence } from './limits.ts';
import { Queue } from './queue.ts';

/** How many messages wait in one direction before the sender has to. */
const capacity = 16;

export interface MemoryLink {
  readonly agent: Duplex<ToAgent__Output, FromAgent>;
  readonly manager: Duplex<FromAgent__Output, ToAgent>;
  /** As a cable that is pulled: what is on its way is gone, both sides see an error. */
  cut(): void;
  /** Bytes of any kind, as if the agent had sent them. */
  inject(bytes: Buffer): void;
}

/** Two ends of a link in one process; messages pass through their wire form, so that limits and types are the real ones. */
export function memoryLink(): MemoryLink {
  const up = new Queue<Buffer>();
  const down = new Queue<Buffer>();
  const cut = (): void => {
    const error = new HostlerError('unavailable', 'The link was cut.');
    up.abort(error);
    down.abort(error);
  };
  return {
    agent: endOf(fromAgentCodec, toAgentCodec, up, down),
    manager: endOf(toAgentCodec, fromAgentCodec, down, up),
    cut,
    inject: (bytes) => up.push(bytes),
  };
}

function endOf<Out, Unused, Unsent, In>(
  out: Codec<Out, Unused>,
  into: Codec<Unsent, In>,
  sending: Queue<Buffer>,
  receiving: Queue<Buffer>,
): Duplex<In, Out> {
  return {
    incoming: decoded(receiving, into),
    async send(message) {
      const bytes = out.encode(message);
      checkSize(bytes.length, 'A message');
      if (sending.ended) throw new HostlerError('unavailable', 'The link is closed.');
      sending.push(bytes);
      await sending.atMost(capacity);
    },
    close(reason) {
      sending.end(reason === undefined ? undefined : new HostlerError(reason.code, reason.message));
      receiving.abort(reason ?? new HostlerError('cancelled', 'The link was closed on this side.'));
    },
  };
}

async function* decoded<In>(queue: Queue<Buffer>, codec: Codec<unknown, In> | Codec<never, In>): AsyncGenerator<In> {
  for await (const bytes of queue) {
    if (bytes.length > longestMessage) throw new HostlerError('resource_exhausted', tooLongSentence);
    let message: In;
    try {
      message = codec.decode(bytes);
    } catch (cause) {
      throw new HostlerError('invalid_argument', 'Something came over the link that is no message.', { cause });
    }
    yield message;
  }
}
