import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';
import type { Ask } from './manager-process.ts';

export interface ManagerChildOptions {
  readonly home: string;
  readonly listen?: string;
  /** Milliseconds; absent: what the product does. */
  readonly heartbeat?: number;
  /** What to run it under: `ip netns exec NAME`. */
  readonly under?: readonly string[];
  /** More arguments of the process. */
  readonly args?: readonly string[];
}

/** manager-process.ts as a child that may be killed and started again. */
export class ManagerChild {
  address = '';
  readonly #options: ManagerChildOptions;
  #child: Child<Ask> | undefined;

  private constructor(options: ManagerChildOptions) {
    this.#options = options;
  }

  static async start(options: ManagerChildOptions): Promise<ManagerChild> {
    mkdirSync(options.home, { recursive: true });
    const manager = new ManagerChild(options);
    await manager.up();
    return manager;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it again; with port 0 on the port of before. */
  async up(): Promise<void> {
    const { home, listen, heartbeat, under, args = [] } = this.#options;
    const at = this.address === '' ? listen : this.address;
    const child = new Child<Ask>(
      fileURLToPath(new URL('manager-process.ts', import.meta.url)),
      [
        '--home',
        home,
        ...(at === undefined ? [] : ['--listen', at]),
        ...(heartbeat === undefined ? [] : ['--heartbeat', String(heartbeat)]),
        ...args,
      ],
      under,
    );
    this.#child = child;
    this.address = ((await child.ready) as { address: string }).address;
  }

  ask<Value>(asked: Ask): Promise<Value> {
    return this.#child === undefined
      ? Promise.reject(new Error('the manager process is down'))
      : this.#child.ask<Value>(asked);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await child?.kill(signal);
  }
}
