import { fileURLToPath } from 'node:url';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { Child } from './child.ts';
import type { SwarmAsk, SwarmState } from './swarm-process.ts';

export interface SwarmsOptions {
  readonly manager: string;
  /** Absent: gRPC. */
  readonly brokers?: readonly string[] | undefined;
  readonly identities: readonly Identity[];
  readonly processes: number;
}

/** A fleet of simulated agents in a bounded number of processes. */
export class Swarms {
  readonly #children: readonly Child<SwarmAsk>[];

  private constructor(children: readonly Child<SwarmAsk>[]) {
    this.#children = children;
  }

  /** Resolves when all have begun to connect. */
  static async start({ manager, brokers, identities, processes }: SwarmsOptions): Promise<Swarms> {
    const script = fileURLToPath(new URL('swarm-process.ts', import.meta.url));
    const children = Array.from({ length: processes }, () => new Child<SwarmAsk>(script));
    const swarms = new Swarms(children);
    await Promise.all(children.map((child) => child.ready));
    await Promise.all(
      children.map((child, at) =>
        child.ask({
          ask: 'start',
          manager,
          identities: identities.filter((_, number) => number % processes === at),
          ...(brokers === undefined ? {} : { brokers }),
        }),
      ),
    );
    return swarms;
  }

  async state(): Promise<SwarmState> {
    const states = await Promise.all(this.#children.map((child) => child.ask<SwarmState>({ ask: 'state' })));
    const sum = (of: (state: SwarmState) => number): number => states.reduce((total, state) => total + of(state), 0);
    return {
      connected: sum(({ connected }) => connected),
      begun: sum(({ begun }) => begun),
      troubles: sum(({ troubles }) => troubles),
    };
  }

  /** Reports of consequence from all agents; resolves when they are acknowledged. */
  async report(count: number, seconds: number): Promise<void> {
    const each = Math.ceil(count / this.#children.length);
    await Promise.all(this.#children.map((child) => child.ask({ ask: 'report', count: each, seconds })));
  }

  /** At once, as a power cut would. */
  async kill(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.kill()));
  }
}
