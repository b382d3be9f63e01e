import { HostlerError } from '../errors/error.ts';
import type { ChannelData, ChannelData__Output } from '../wire/generated/hostler/v1/ChannelData.ts';
import { pieceBytes } from './limits.ts';
import { Queue } from './queue.ts';
import { Changes } from './signals.ts';

/** What each side may send before the other has granted anything, in bytes. Part of the protocol. */
export const firstWindow = 256 * 1024;

/** Channels of one connection at a time. */
const mostChannels = 256;

/** Ended channels whose names are remembered: what was on its way to them must not open them again. */
const remembered = 1024;

/** A byte stream in both directions. Ends with its connection. */
export interface Channel {
  readonly id: string;
  /** What the other side writes; to be read once. Not reading stops the other side after the window is full. */
  readonly incoming: AsyncIterable<Buffer>;
  /** Resolves when the bytes are on their way, which waits for the other side's reader. */
  write(bytes: Uint8Array): Promise<void>;
  /** No more from here; the other direction goes on. */
  end(): Promise<void>;
  /** Both directions end with this error. */
  fail(error: HostlerError): void;
}

interface Open {
  readonly channel: Channel;
  receive(data: ChannelData__Output): void;
  stop(error: HostlerError): void;
}

/** All channels of one connection. */
export class Channels {
  readonly #open = new Map<string, Open>();
  readonly #ended = new Set<string>();
  readonly #send: (data: ChannelData) => Promise<void>;
  readonly #opened: ((channel: Channel) => void) | undefined;

  /** `opened` is told of channels that the other side opens; without it they are refused. */
  constructor(send: (data: ChannelData) => Promise<void>, opened?: (channel: Channel) => void) {
    this.#send = send;
    this.#opened = opened;
  }

  /** A name is used once in a connection. The first message, which may be empty, opens it on the other side. */
  open(id: string): Channel {
    if (this.#open.has(id) || this.#ended.has(id)) {
      throw new HostlerError('already_exists', `There was a channel ${id} on this connection already.`);
    }
    if (this.#open.size >= mostChannels) {
      throw new HostlerError('resource_exhausted', `${mostChannels} channels are open on this connection already.`);
    }
    const opened = makeChannel(id, this.#send, () => this.#gone(id));
    this.#open.set(id, opened);
    return opened.channel;
  }

  receive(data: ChannelData__Output): void {
    const known = this.#open.get(data.id);
    if (known !== undefined) {
      known.receive(data);
      return;
    }
    if (data.error !== '' || data.window > 0 || this.#ended.has(data.id)) return;
    const refuse = (message: string): void => {
      this.#send({ id: data.id, error: message }).catch(() => undefined);
    };
    if (this.#opened === undefined) {
      refuse('Nobody here takes this channel.');
      return;
    }
    try {
      const channel = this.open(data.id);
      this.#open.get(data.id)?.receive(data);
      this.#opened(channel);
    } catch (thrown) {
      refuse(HostlerError.from(thrown).message);
    }
  }

  /** The connection is gone. */
  close(error: HostlerError): void {
    for (const open of [...this.#open.values()]) open.stop(error);
  }

  #gone(id: string): void {
    this.#open.delete(id);
    this.#ended.add(id);
    for (const oldest of this.#ended) {
      if (this.#ended.size <= remembered) break;
      this.#ended.delete(oldest);
    }
  }
}

function makeChannel(id: string, send: (data: ChannelData) => Promise<void>, gone: () => void): Open {
  const incoming = new Queue<Buffer>();
  const changes = new Changes();
  let mayTake = firstWindow;
  let mayStillSend = firstWindow;
  let ended = false;
  let failure: HostlerError | undefined;

  const leaveWhenDone = (): void => {
    if (ended && incoming.ended) gone();
  };
  const stop = (error: HostlerError): void => {
    failure ??= error;
    incoming.end(error);
    ended = true;
    changes.notify();
    gone();
  };

  async function* read(): AsyncGenerator<Buffer> {
    let eaten = 0;
    for await (const bytes of incoming) {
      yield bytes;
      eaten += bytes.length;
      // Half a window at a time: fewer messages, and the sender never runs dry.
      if (eaten >= firstWindow / 2 && !incoming.ended) {
        mayTake += eaten;
        const window = eaten;
        eaten = 0;
        await send({ id, window });
      }
    }
  }

  const channel: Channel = {
    id,
    incoming: read(),
    async write(bytes) {
      if (bytes.length === 0) await send({ id });
      for (let at = 0; at < bytes.length;) {
        while (failure === undefined && !ended && mayStillSend === 0) await changes.next();
        if (failure !== undefined) throw failure;
        if (ended) throw new HostlerError('failed_precondition', `The channel ${id} was ended.`);
        const piece = bytes.subarray(at, at + Math.min(pieceBytes, mayStillSend));
        mayStillSend -= piece.length;
        at += piece.length;
        await send({ id, data: piece });
      }
    },
    async end() {
      if (ended) return;
      ended = true;
      await send({ id, end: true });
      leaveWhenDone();
    },
    fail(error) {
      if (failure !== undefined) return;
      stop(error);
      send({ id, error: error.message }).catch(() => undefined);
    },
  };

  return {
    channel,
    stop,
    receive(data) {
      if (data.error !== '') {
        stop(new HostlerError('aborted', data.error));
        return;
      }
      mayTake -= data.data.length;
      if (mayTake < 0) {
        channel.fail(new HostlerError('resource_exhausted', `The channel ${id} was sent more than its window.`));
        return;
      }
      if (data.data.length > 0) incoming.push(data.data);
      if (data.window > 0) {
        mayStillSend += data.window;
        changes.notify();
      }
      if (data.end) {
        incoming.end();
        leaveWhenDone();
      }
    },
  };
}
