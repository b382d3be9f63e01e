import type { Carrier } from '../../agent/link/link.ts';
import type { HostlerError } from '../../shared/errors/error.ts';
import type { Duplex } from '../../shared/session/duplex.ts';
import type { FromAgent } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent__Output } from '../../shared/wire/generated/hostler/v1/ToAgent.ts';

/**
 * So many of one process's agents dial at a time. Every agent of a real fleet has a processor of its own for its half of
 * a handshake; thousands of them begun side by side in one process would all be given up before any of them is done, and
 * that would be measured instead of the manager.
 */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** The same carrier; whoever dials keeps his place until he is answered or gives up. */
  through(carrier: Carrier): Carrier {
    const dial = async (signal: AbortSignal): Promise<Duplex<ToAgent__Output, FromAgent>> => {
      await this.#enter();
      let left = false;
      const leave = (): void => {
        if (left) return;
        left = true;
        this.#free++;
        this.#waiting.shift()?.();
      };
      try {
        const duplex = await carrier(signal);
        const close = (reason?: HostlerError): void => {
          leave();
          duplex.close(reason);
        };
        return { send: (message) => duplex.send(message), close, incoming: told(duplex.incoming, leave) };
      } catch (thrown) {
        leave();
        throw thrown;
      }
    };
    return Object.assign(dial, {
      ...(carrier.keep !== undefined && { keep: carrier.keep }),
      ...(carrier.canKeep !== undefined && { canKeep: carrier.canKeep }),
      ...(carrier.place !== undefined && { place: carrier.place }),
    });
  }

  async #enter(): Promise<void> {
    while (this.#free <= 0) await new Promise<void>((turn) => this.#waiting.push(turn));
    this.#free--;
  }
}

/** `answered` is called at the first message, or when there will be none. */
async function* told<In>(incoming: AsyncIterable<In>, answered: () => void): AsyncGenerator<In> {
  try {
    for await (const message of incoming) {
      answered();
      yield message;
    }
  } finally {
    answered();
  }
}
