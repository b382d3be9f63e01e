/** How long an agent whose connection broke may take to come back, in milliseconds: most are back at once. */
const comeBack = 10_000;

/**
 * And this much longer for each one whose connection broke along with it, up to a bound: when a broker, a switch or a relay
 * starts again, all of a crowd are well, and come back as fast as handshakes can be made.
 */
const comeBackEach = 10;

/**
 * That bound; and what all may take when it was half the fleet, or after a restart of the manager: it was not they who
 * failed, a broker has to be started again, and they pause for up to 30 s between attempts.
 */
const comeBackMost = 120_000;

/** Connections that break within this time of each other broke together. */
const together = 3_000;

/** Fewer than these are no crowd. */
const alone = 20;

/**
 * As long as one of a crowd came back a moment ago, the others are still on their way: all that are well have tried within
 * this time (the longest pause of agent/link/link.ts). But a crowd is not waited for longer than `longest`.
 */
const straggling = 35_000;
const longest = 900_000;

/** Connections that broke about the same time: who of their agents is late, and who is just one of many. Times in milliseconds. */
export class Wave {
  readonly #restart: boolean;
  /** How many there were when it began. */
  readonly #fleet: number;
  #last: number;
  #count = 0;
  #back = 0;

  /** `fleet`: how many agents there are; 0: they broke because this manager was started again. */
  constructor(now: number, fleet: number) {
    this.#last = now;
    this.#fleet = fleet;
    this.#restart = fleet === 0;
  }

  /**
   * One more connection broke; the wave that it belongs to. While a fleet comes back to a manager that was started again,
   * connections may break for want of time on either side: those agents are still on their way.
   */
  broke(now: number, fleet: number): Wave {
    const over = this.#restart ? now - Math.max(this.#last, this.#back) > straggling : now - this.#last > together;
    const wave = over ? new Wave(now, Math.max(1, fleet)) : this;
    wave.#last = now;
    wave.#count++;
    return wave;
  }

  cameBack(now: number): void {
    this.#back = now;
  }

  /** Until when an agent whose connection broke `at` counts as there. */
  expectedUntil(at: number): number {
    const crowd = this.#restart || this.#count > alone;
    const all = this.#restart || (crowd && this.#count * 2 >= this.#fleet);
    const most = all ? comeBackMost : Math.min(comeBackMost, comeBack + this.#count * comeBackEach);
    return Math.min(Math.max(at + most, crowd ? this.#back + straggling : 0), at + longest);
  }
}
