import type { CallOptions, ClientUnaryCall, Metadata, ServiceError } from '@grpc/grpc-js';
import type { Readable, Writable } from 'node:stream';
import { fromStatus, toStatus } from './status.ts';

type Unary<Request, Reply> = (
  request: Request,
  metadata: Metadata,
  options: CallOptions,
  callback: (error: ServiceError | null, value?: Reply) => void,
) => ClientUnaryCall;

/**
 * One question, one answer. `method` is a method of a client, bound to it. Throws HostlerError; gives up after
 * `options.deadline`, and at once when the signal aborts.
 */
export function callUnary<Request, Reply>(
  method: Unary<Request, Reply>,
  request: Request,
  metadata: Metadata,
  options: CallOptions & { signal?: AbortSignal; what?: string } = {},
): Promise<Reply> {
  const { signal, what = 'The manager did not answer', ...callOptions } = options;
  return new Promise((resolve, reject) => {
    const call = method(request, metadata, callOptions, (error, value) => {
      signal?.removeEventListener('abort', stop);
      if (error !== null) reject(fromStatus(error, what));
      else if (value === undefined) reject(fromStatus(new Error('empty reply'), what));
      else resolve(value);
    });
    const stop = (): void => {
      call.cancel();
    };
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
  });
}

/** The messages of a server stream, with back-pressure; a failed call is thrown as HostlerError. Leaving the loop cancels the call. */
export async function* streamOf<Reply>(
  call: Readable & { cancel(): void },
  what = 'The manager did not answer',
): AsyncGenerator<Reply, void, undefined> {
  try {
    for await (const message of call) yield message as Reply;
  } catch (thrown) {
    throw fromStatus(thrown, what);
  } finally {
    call.cancel();
  }
}

/**
 * Ends a server stream with an error, after what was written before. grpc-js takes it as an 'error' event; destroying the
 * stream instead would leave the client waiting.
 */
export function failStream(call: Writable, thrown: unknown): void {
  call.emit('error', toStatus(thrown));
}
