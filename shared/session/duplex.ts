import type { HostlerError } from '../errors/error.ts';

/**
 * What a link must be able to do: carry messages one way and the other, in order, until it breaks. Everything else
 * (numbers, acknowledgement, sending again) is the session's, and the same for every carrier.
 */
export interface Duplex<In, Out> {
  /**
   * Messages in order; to be read once. Ends when the other side closed; throws HostlerError when the carrier broke or
   * something came that is no message. Not reading slows the sender down.
   */
  readonly incoming: AsyncIterable<In>;
  /** Resolves when the carrier takes more; rejects when it is broken. Calls need not wait for each other; order is kept. */
  send(message: Out): Promise<void>;
  /** Both directions end; what was sent before still goes out when there is no reason. Can be called again. */
  close(reason?: HostlerError): void;
}
