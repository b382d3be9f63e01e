import { HostlerError } from '../../../shared/errors/error.ts';
import type { FleetLog } from '../log.ts';
import type { KeptReports } from './kept-reports.ts';

/** How often to look at a leaf node that is there, in milliseconds. */
const pace = 3_000;

/**
 * What agents laid down at a relay's leaf node. The leaf may be away for hours, with the manager's own connection to the
 * broker open all the time.
 */
export class LeafReports {
  readonly #reports: Pick<KeptReports, 'prepare' | 'drain'>;
  readonly #relay: string;
  readonly #log: FleetLog;
  readonly #back: () => void;
  #prepared = false;
  /** The look that goes on now, and the one that was asked for meanwhile. */
  #now: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #here = false;
  #looked = 0;

  /** `back`: called when the leaf node can be reached, and could not be before. */
  constructor(reports: Pick<KeptReports, 'prepare' | 'drain'>, relay: string, log: FleetLog, back: () => void) {
    this.#back = back;
    this.#reports = reports;
    this.#relay = relay;
    this.#log = log;
  }

  /** For a timer: one that is away is asked for at each call, the broker knows that it is not there. */
  async poll(): Promise<void> {
    if (!this.#here || Date.now() - this.#looked >= pace) await this.look();
  }

  /**
   * Takes out what waits there. Resolves when everything that lay there when it was called was applied, or when the leaf
   * node is away; never rejects. Many at once cost one look.
   */
  look(): Promise<void> {
    if (this.#now === undefined) return this.#begin();
    this.#next ??= this.#now.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<void> {
    const look = this.#once().finally(() => (this.#now = undefined));
    this.#now = look;
    return look;
  }

  async #once(): Promise<void> {
    this.#looked = Date.now();
    try {
      if (!this.#prepared) await this.#reports.prepare();
      this.#prepared = true;
      const kept = await this.#reports.drain();
      if (!this.#here || kept > 0) this.#log.info({ relay: this.#relay, kept }, "at the relay's leaf node");
      if (!this.#here) this.#back();
      this.#here = true;
    } catch (thrown) {
      const error = HostlerError.from(thrown, 'unavailable');
      // It may come back with an empty disk.
      this.#prepared = false;
      const sentence = `the leaf node of the relay '${this.#relay}' is away; what agents lay down there waits`;
      if (this.#here) this.#log.warn({ relay: this.#relay, reason: error.message }, sentence);
      this.#here = false;
    }
  }
}
