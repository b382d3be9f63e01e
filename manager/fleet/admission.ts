/** Lets in so many newcomers a second, with a reserve for a first burst; the rest is told when to come back. */
export class Admission {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  readonly #random: () => number;
  #tokens: number;
  #at: number;
  /** Turned away and not yet come back, near enough: later ones are told to wait longer. */
  #queue = 0;

  constructor(perSecond: number, burst: number, now: () => number, random: () => number = Math.random) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
    this.#random = random;
    this.#tokens = burst;
    this.#at = now();
  }

  /** 0: come in. Else seconds after which to try again, spread so that the crowd does not come back as one. */
  enter(): number {
    const now = this.#now();
    const passed = Math.max(0, now - this.#at) / 1000;
    this.#at = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + passed * this.#perSecond);
    this.#queue = Math.max(0, this.#queue - passed * this.#perSecond);
    if (this.#tokens >= 1) {
      this.#tokens--;
      return 0;
    }
    this.#queue++;
    return Math.ceil(1 + (this.#queue / this.#perSecond) * (1 + this.#random()));
  }
}
