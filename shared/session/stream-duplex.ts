import { HostlerError } from '../errors/error.ts';
import { fromStatus } from '../wire/status.ts';
import type { Duplex } from './duplex.ts';
import { Queue } from './queue.ts';

/** Messages read ahead of whoever reads; the rest waits in the carrier, and so in the sender. */
const readAhead = 16;

/** What is used of a gRPC stream of either side; their own types do not fit Node's under exact optional properties. */
interface MessageStream<In, Out> {
  readonly writableEnded: boolean;
  on(event: 'data', listener: (message: In) => void): unknown;
  on(event: 'error', listener: (thrown: unknown) => void): unknown;
  on(event: 'end' | 'cancelled' | 'status' | 'close', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  isPaused(): boolean;
  write(message: Out, done: (error?: Error | null) => void): unknown;
}

/**
 * A gRPC stream of either side as a Duplex. `finish` ends the call: politely without a reason, at once with one. Node's
 * own stream iterator is not used: it takes a call apart that should still say goodbye.
 */
export function streamDuplex<In, Out>(
  stream: MessageStream<In, Out>,
  finish: (reason?: HostlerError) => void,
  what: string,
): Duplex<In, Out> {
  const queue = new Queue<In>();
  const pending = new Set<(error: HostlerError) => void>();
  let broken: HostlerError | undefined;
  let closed = false;

  const stop = (error?: HostlerError): void => {
    broken ??= error ?? new HostlerError('unavailable', `${what}: the connection is closed.`);
    queue.end(error);
    for (const reject of [...pending]) reject(broken);
    pending.clear();
  };

  stream.on('data', (message: In) => {
    queue.push(message);
    if (queue.size >= readAhead) stream.pause();
  });
  // A connection that broke looks like a goodbye for a moment, until it is told as cancelled.
  stream.on('end', () => setImmediate(() => queue.end()));
  stream.on('error', (thrown: unknown) => stop(closed ? undefined : fromStatus(thrown, what)));
  // The server learns of a broken connection by this alone.
  stream.on('cancelled', () => stop(new HostlerError('unavailable', `${what}: the connection broke.`)));
  // The client's call is over, whatever was still to be written.
  stream.on('status', () => {
    for (const reject of [...pending]) reject(new HostlerError('unavailable', `${what}: the call is over.`));
    pending.clear();
  });
  stream.on('close', () => stop());

  async function* read(): AsyncGenerator<In> {
    for await (const message of queue) {
      yield message;
      if (queue.size < readAhead / 2 && stream.isPaused()) stream.resume();
    }
  }

  return {
    incoming: read(),
    send(message) {
      return new Promise((resolve, reject) => {
        if (broken !== undefined || closed || stream.writableEnded) {
          reject(broken ?? new HostlerError('unavailable', `${what}: the connection is closed.`));
          return;
        }
        pending.add(reject);
        stream.write(message, (error) => {
          pending.delete(reject);
          if (error) reject(fromStatus(error, what));
          else resolve();
        });
      });
    },
    close(reason) {
      if (closed) return;
      closed = true;
      queue.abort(reason ?? new HostlerError('cancelled', 'The connection was closed on this side.'));
      // What nobody reads any more must not keep the call from ending.
      stream.resume();
      finish(reason);
      if (reason !== undefined) stop(reason);
    },
  };
}
