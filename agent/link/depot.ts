import { HostlerError } from '../../shared/errors/error.ts';
import type { FromAgent } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { LinkDeps } from './link.ts';

/** How much goes in one piece, in bytes and in messages. */
const pieceBytes = 128 * 1024;
const pieceMessages = 512;

/**
 * Reports that wait for a manager that is away are laid down at the broker or the relay as well, where the carrier can do
 * that: this agent may be gone when the manager is back. They stay in the outbox all the same.
 */
export class Depot {
  incarnation = '';
  readonly #deps: Pick<LinkDeps, 'carrier' | 'outbox' | 'log'>;
  #acknowledged = 0;
  #kept = 0;
  #place = '';
  #told = '';

  constructor(deps: Pick<LinkDeps, 'carrier' | 'outbox' | 'log'>) {
    this.#deps = deps;
  }

  /** The manager has everything up to this number. */
  acknowledged(sequence: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, sequence);
  }

  /** Whatever is not there yet. Never rejects: what could not be kept is tried again the next time. */
  async keep(signal: AbortSignal): Promise<void> {
    const { carrier, outbox, log } = this.#deps;
    const stopped = (): boolean => signal.aborted;
    if (carrier.keep === undefined || outbox.last <= Math.max(this.#kept, this.#acknowledged)) return;
    if ((await carrier.canKeep?.()) !== true) return;
    const place = carrier.place?.() ?? '';
    if (place !== this.#place) this.#kept = 0;
    this.#place = place;
    try {
      this.#kept = Math.max(this.#kept, this.#acknowledged, outbox.first - 1);
      while (this.#kept < outbox.last && !stopped()) {
        const messages = await outbox.after(this.#kept);
        if (messages.length === 0) return;
        for (const piece of pieces(messages.map(({ sequence, body }) => ({ ...body, sequence })))) {
          await carrier.keep(this.incarnation, piece);
          this.#kept = piece.at(-1)?.sequence ?? this.#kept;
        }
      }
      this.#told = '';
    } catch (thrown) {
      const error = HostlerError.from(thrown, 'unavailable');
      if (!stopped() && error.message !== this.#told) log.warn({ err: error }, 'reports wait here alone');
      this.#told = error.message;
    }
  }
}

function* pieces(messages: readonly FromAgent[]): Generator<FromAgent[]> {
  let piece: FromAgent[] = [];
  let bytes = 0;
  for (const message of messages) {
    // Near enough: a report is a few hundred bytes, as a rule, or one long text.
    const size = JSON.stringify(message).length;
    if (piece.length > 0 && (bytes + size > pieceBytes || piece.length >= pieceMessages)) {
      yield piece;
      piece = [];
      bytes = 0;
    }
    piece.push(message);
    bytes += size;
  }
  if (piece.length > 0) yield piece;
}
