import { HostlerError } from '../errors/error.ts';

export type Arrival = 'unnumbered' | 'next' | 'again';

/**
 * The receiving side's count of numbered messages: each one once, in order, none left out. Numbers start after
 * `received`, which survives connections (and, where effects are durable, restarts).
 */
export class Receiver {
  #received: number;

  constructor(received: number) {
    this.#received = received;
  }

  /** The highest number taken in. */
  get received(): number {
    return this.#received;
  }

  /** Throws `data_loss` when a message is missing: the connection is to end, and the sender sends again. */
  arrived(sequence: number): Arrival {
    if (sequence === 0) return 'unnumbered';
    if (sequence <= this.#received) return 'again';
    if (sequence !== this.#received + 1) {
      throw new HostlerError(
        'data_loss',
        `Message ${sequence} came where ${this.#received + 1} was expected; the connection starts over.`,
      );
    }
    this.#received = sequence;
    return 'next';
  }
}
