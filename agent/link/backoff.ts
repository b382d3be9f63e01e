/** Reconnect pauses: exponential with full jitter, so that a fleet that lost its manager does not come back at once. */
export class Backoff {
  readonly #first: number;
  readonly #most: number;
  readonly #random: () => number;
  #attempts = 0;

  /** Milliseconds. */
  constructor(first: number, most: number, random: () => number = Math.random) {
    this.#first = first;
    this.#most = most;
    this.#random = random;
  }

  /** How long to wait before the next attempt, in milliseconds. */
  next(): number {
    const ceiling = Math.min(this.#most, this.#first * 2 ** Math.min(this.#attempts, 30));
    this.#attempts++;
    return this.#random() * ceiling;
  }

  reset(): void {
    this.#attempts = 0;
  }
}
