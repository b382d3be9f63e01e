import { HostlerError, isErrorCode } from '../errors/error.ts';
import { type Codec, frameCodec } from '../wire/definitions.ts';
import type { Frame } from '../wire/generated/hostler/v1/Frame.ts';
import type { Frame__Output } from '../wire/generated/hostler/v1/Frame.ts';
import type { Duplex } from './duplex.ts';
import { checkSize, longestMessage, tooLongSentence } from './limits.ts';
import { Queue } from './queue.ts';

/** A message is cut into pieces of this many bytes: brokers have a longest message of their own, 1 MiB unless told otherwise. */
const framePiece = 256 * 1024;

/** What may be on its way without having been read, in bytes. Part of the protocol. */
export const frameWindow = 512 * 1024;

/** What a frame costs besides its bytes: small ones are bounded, too. */
const frameCost = 128;

/** How long what was sent before a goodbye may take to be read, in milliseconds. */
const goodbye = 2_000;

export interface FramedOptions<Out, In> {
  readonly out: Pick<Codec<Out, unknown>, 'encode'>;
  readonly into: Pick<Codec<never, In>, 'decode'>;
  /** Puts one frame on the carrier; throws HostlerError when it is broken. */
  readonly put: (frame: Buffer) => void;
  /** Stands for bytes that are no message, where the reader knows it (undecodable.ts); else they end the connection. */
  readonly undecodable?: In;
  /** The agent's connection with its broker, for the first frame. */
  readonly via?: string;
  /** Nothing more is sent or wanted. */
  readonly closed: () => void;
  /** A frame came that had come before. */
  readonly again?: () => void;
}

interface Waiting {
  readonly pieces: Buffer[];
  readonly resolve: () => void;
  readonly reject: (error: HostlerError) => void;
}

interface Arrived<In> {
  readonly message: In;
  /** Number of its last frame, and what all of them cost. */
  readonly through: number;
  readonly cost: number;
}

/**
 * A Duplex over a carrier that only moves frames, and may lose, repeat or reorder them (link.proto, Frame): order, loss,
 * flow control and the end of a connection are kept here. Whatever is lost ends the connection; the session above sends
 * again.
 */
export class Framed<In, Out> implements Duplex<In, Out> {
  readonly incoming: AsyncIterable<In>;
  readonly #options: FramedOptions<Out, In>;
  readonly #arrived = new Queue<Arrived<In>>();
  readonly #waiting: Waiting[] = [];
  /** Sent and not read yet: what each cost, from `#firstUnread` on. */
  readonly #unread: number[] = [];
  #firstUnread = 1;
  #unreadBytes = 0;
  #sent = 0;
  #received = 0;
  /** Of a message that has not come whole. */
  #pieces: Buffer[] = [];
  #piecesCost = 0;
  #piecesBytes = 0;
  /** What was read here: up to which number, and how much since the other side was told. */
  #taken = 0;
  #takenUntold = 0;
  #over: HostlerError | undefined;
  #closing: NodeJS.Timeout | undefined;

  constructor(options: FramedOptions<Out, In>) {
    this.#options = options;
    this.incoming = this.#read();
  }

  get ended(): boolean {
    return this.#over !== undefined;
  }

  send(message: Out): Promise<void> {
    if (this.#over !== undefined || this.#closing !== undefined) {
      return Promise.reject(this.#over ?? new HostlerError('unavailable', 'The connection is closed.'));
    }
    let bytes: Buffer;
    try {
      bytes = this.#options.out.encode(message);
      checkSize(bytes.length, 'A message');
    } catch (thrown) {
      return Promise.reject(HostlerError.from(thrown, 'invalid_argument'));
    }
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length || at === 0; at += framePiece) pieces.push(bytes.subarray(at, at + framePiece));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ pieces, resolve, reject });
      this.#pump();
    });
  }

  close(reason?: HostlerError): void {
    if (this.#over !== undefined || this.#closing !== undefined) return;
    this.#arrived.abort(reason ?? new HostlerError('cancelled', 'The connection was closed on this side.'));
    if (reason !== undefined) {
      this.#goodbye(reason);
    } else {
      // Whoever does not read is not waited for.
      this.#closing = setTimeout(() => this.#goodbye(), goodbye);
      this.#pump();
    }
  }

  /** The carrier is gone: nothing more can be said. */
  break(error: HostlerError): void {
    if (this.#over !== undefined) return;
    // What came before is still to be read.
    this.#arrived.end(error);
    this.#finish(error);
  }

  /** A frame of the other side. */
  receive(frame: Frame__Output): void {
    if (this.#over !== undefined) return;
    if (frame.number === 0) {
      if (frame.end) this.#otherEnded(frame);
      return;
    }
    if (frame.number <= this.#received) {
      this.#options.again?.();
      return;
    }
    if (frame.number !== this.#received + 1) {
      const lost = `Frame ${frame.number} came where ${this.#received + 1} was expected; the connection starts over.`;
      this.#fault(new HostlerError('data_loss', lost));
      return;
    }
    this.#received = frame.number;
    this.#otherTook(frame.taken);
    this.#takePiece(frame);
    if (frame.end) this.#otherEnded(frame);
  }

  /** Bytes came in the place of a frame. */
  receiveGarbage(): void {
    if (this.#over !== undefined) return;
    this.#garbage();
  }

  #takePiece({ piece, more, number, bare }: Frame__Output): void {
    if (bare) {
      // There is nothing to read in it; what waits before it is counted when it is read.
      if (this.#arrived.size === 0 && this.#pieces.length === 0) this.#taken = number;
      return;
    }
    this.#piecesBytes += piece.length;
    this.#piecesCost += piece.length + frameCost;
    if (this.#piecesBytes > longestMessage) {
      this.#fault(new HostlerError('resource_exhausted', tooLongSentence));
      return;
    }
    this.#pieces.push(piece);
    if (more) {
      // Its sender may go on: the whole of it is bounded.
      this.#took(number, piece.length + frameCost);
      this.#piecesCost -= piece.length + frameCost;
      return;
    }
    const bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces);
    const cost = this.#piecesCost;
    this.#pieces = [];
    this.#piecesCost = 0;
    this.#piecesBytes = 0;
    let message: In;
    try {
      message = this.#options.into.decode(bytes);
    } catch {
      this.#garbage();
      return;
    }
    this.#arrived.push({ message, through: number, cost });
    if (this.#arrived.size > frameWindow / frameCost) {
      this.#fault(new HostlerError('resource_exhausted', 'More came over the link than its window holds.'));
    }
  }

  #garbage(): void {
    const { undecodable } = this.#options;
    if (undecodable !== undefined) this.#arrived.push({ message: undecodable, through: this.#received, cost: 0 });
    else this.#fault(new HostlerError('invalid_argument', 'Something came over the link that is no message.'));
  }

  /** The reader hears of it after what came before; until then answers may still go out. */
  #fault(error: HostlerError): void {
    this.#arrived.end(error);
  }

  #otherEnded({ code, reason }: Frame__Output): void {
    const error = code === '' ? undefined : new HostlerError(isErrorCode(code) ? code : 'unknown', reason);
    this.#arrived.end(error);
    this.#finish(error ?? new HostlerError('unavailable', 'The other side closed the connection.'));
  }

  #otherTook(through: number): void {
    while (this.#firstUnread <= through) {
      const cost = this.#unread.shift();
      if (cost === undefined) break;
      this.#unreadBytes -= cost;
      this.#firstUnread++;
    }
    this.#pump();
  }

  async *#read(): AsyncGenerator<In> {
    for await (const { message, through, cost } of this.#arrived) {
      yield message;
      this.#took(through, cost);
    }
  }

  /** Half a window at a time: fewer frames, and the sender never runs dry. */
  #took(through: number, cost: number): void {
    this.#taken = Math.max(this.#taken, through);
    this.#takenUntold += cost;
    if (this.#takenUntold >= frameWindow / 2 && this.#over === undefined) this.#put({ bare: true });
  }

  #pump(): void {
    while (this.#over === undefined) {
      const next = this.#waiting[0];
      if (next === undefined) {
        if (this.#closing !== undefined) this.#goodbye();
        return;
      }
      if (this.#unreadBytes >= frameWindow) return;
      const piece = next.pieces.shift() ?? Buffer.alloc(0);
      const more = next.pieces.length > 0;
      this.#put({ piece, more }, piece.length + frameCost);
      if (more) continue;
      this.#waiting.shift();
      next.resolve();
    }
  }

  /** Frames without a piece cost nothing: they are answers to what was read. */
  #put(frame: Pick<Frame, 'piece' | 'more' | 'bare' | 'end' | 'code' | 'reason'>, cost = 0): void {
    this.#sent++;
    this.#unread.push(cost);
    this.#unreadBytes += cost;
    this.#takenUntold = 0;
    const { via } = this.#options;
    const first = this.#sent === 1 && via !== undefined ? { via } : {};
    try {
      this.#options.put(frameCodec.encode({ ...frame, ...first, number: this.#sent, taken: this.#taken }));
    } catch (thrown) {
      this.break(HostlerError.from(thrown, 'unavailable'));
    }
  }

  #goodbye(reason?: HostlerError): void {
    clearTimeout(this.#closing);
    this.#put({
      bare: true,
      end: true,
      ...(reason === undefined ? {} : { code: reason.code, reason: reason.message }),
    });
    this.#finish(reason ?? new HostlerError('unavailable', 'The connection was closed on this side.'));
  }

  #finish(error: HostlerError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    clearTimeout(this.#closing);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#options.closed();
  }
}

/** What is said to a frame of a connection that is not known: its sender is to begin a new one. */
export function unknownConnection(reason: string): Buffer {
  return frameCodec.encode({ bare: true, end: true, code: 'unavailable', reason });
}
