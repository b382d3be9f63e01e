import type { FleetLog } from '../log.ts';

/** What was turned away, since the start. */
export interface NatsCounts {
  /** Frames that came again. */
  again: number;
  /** Bytes that are no frame or no message. */
  undecodable: number;
  /** Frames of connections that are not known (any more). */
  unknown: number;
  /** Beginnings of connections that had ended already. */
  replayed: number;
  /** In the name of agents that speak by another way. */
  forged: number;
}

/** How often it is said, in milliseconds. */
const tellEvery = 60_000;

/** Counts, and says in the log how many there are by now: one line a minute, however much comes. */
export class NatsTally {
  readonly counts: NatsCounts = { again: 0, undecodable: 0, unknown: 0, replayed: 0, forged: 0 };
  readonly #log: FleetLog;
  readonly #via: string | undefined;
  readonly #timer: NodeJS.Timeout;
  #told = 0;

  /** `via`: the relay by which they came; absent: the broker itself. */
  constructor(log: FleetLog, via: string | undefined) {
    this.#log = log;
    this.#via = via;
    this.#timer = setInterval(() => this.#tell(), tellEvery).unref();
  }

  /** Says the last of it. */
  close(): void {
    clearInterval(this.#timer);
    this.#tell();
  }

  #tell(): void {
    const sum = Object.values<number>({ ...this.counts }).reduce((before, count) => before + count, 0);
    if (sum === this.#told) return;
    this.#told = sum;
    this.#log.info({ ...this.counts, via: this.#via }, 'messages were turned away; counted since the link was opened');
  }
}
