import { HostlerError } from '../errors/error.ts';

/** The longest message of a link, in bytes. Files travel by way of stores, logs in pieces. */
export const longestMessage = 4 * 1024 * 1024;

/** A piece of a log or a channel is cut to this, in bytes. */
export const pieceBytes = 64 * 1024;

/** How many numbered messages may be on their way without having been acknowledged. */
export const inFlight = 256;

/** How long the first message of a connection may take, in milliseconds. */
export const helloTimeout = 30_000;

/** What is said of a message that came and is longer. */
export const tooLongSentence = `A message of more than ${longestMessage} bytes came over the link; it was refused.`;

export function checkSize(bytes: number, what: string): void {
  if (bytes <= longestMessage) return;
  throw new HostlerError(
    'resource_exhausted',
    `${what} has ${bytes} bytes; a message of the link holds ${longestMessage} at most. Files belong into a store.`,
  );
}

/**
 * How long the other side may be silent before the connection counts as dead: three heartbeats with their jitter, and some
 * for the road. Milliseconds.
 */
export function silenceAllowed(heartbeatEvery: number): number {
  return Math.ceil(heartbeatEvery * 3 * 1.2) + Math.min(5_000, heartbeatEvery);
}
