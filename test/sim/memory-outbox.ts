import { HostlerError } from '../../shared/errors/error.ts';
import type { LinkDeps } from '../../agent/link/link.ts';
import type { AgentBody } from '../../shared/session/agent-session.ts';
import { Changes } from '../../shared/session/signals.ts';

/** An outbox for swarms: the same numbers and acknowledgements, nothing on disk (thousands share one here). */
export class MemoryOutbox implements Pick<LinkDeps['outbox'], keyof LinkDeps['outbox']> {
  readonly grown = new Changes();
  readonly #acknowledged = new Changes();
  #messages: { readonly sequence: number; readonly body: AgentBody }[] = [];
  #released = 0;
  last = 0;

  get first(): number {
    return this.#messages[0]?.sequence ?? this.last + 1;
  }

  async add(body: AgentBody): Promise<number> {
    this.last++;
    this.#messages.push({ sequence: this.last, body });
    this.grown.notify();
    return this.last;
  }

  async after(sequence: number): Promise<readonly { readonly sequence: number; readonly body: AgentBody }[]> {
    return this.#messages.filter((message) => message.sequence > sequence);
  }

  release(through: number): void {
    this.#messages = this.#messages.filter(({ sequence }) => sequence > through);
    this.#released = Math.max(this.#released, through);
    this.#acknowledged.notify();
  }

  async drained(signal: AbortSignal): Promise<void> {
    const target = this.last;
    while (this.#released < target && !signal.aborted) await this.#acknowledged.next(signal);
    if (signal.aborted) throw HostlerError.from(signal.reason, 'cancelled');
  }

  async close(): Promise<void> {
    this.grown.notify();
  }
}
