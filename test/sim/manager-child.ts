import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
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

interface Answer {
  readonly number: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** manager-process.ts as a child that may be killed and started again. */
export class ManagerChild {
  address = '';
  readonly #options: ManagerChildOptions;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #child: ChildProcess | undefined;
  #number = 0;

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

  async up(): Promise<void> {
    const { home, listen, heartbeat, under = [], args = [] } = this.#options;
    const [program = process.execPath, ...argv] = [
      ...under,
      process.execPath,
      '--expose-gc',
      '--import',
      'tsx',
      fileURLToPath(new URL('manager-process.ts', import.meta.url)),
      '--home',
      home,
      ...(listen === undefined ? [] : ['--listen', listen]),
      ...(heartbeat === undefined ? [] : ['--heartbeat', String(heartbeat)]),
      ...args,
    ];
    const child = spawn(program, argv, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child = child;
    const ready = new Promise((resolve, reject) => {
      this.#waiting.set(0, { resolve, reject });
    });
    child.on('message', (message: Answer) => {
      const waiting = this.#waiting.get(message.number);
      this.#waiting.delete(message.number);
      if (message.error === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(message.error));
    });
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the manager process is gone'));
      this.#waiting.clear();
    });
    this.address = ((await ready) as { address: string }).address;
  }

  ask<Value>(asked: Ask): Promise<Value> {
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      if (this.#child?.connected !== true) {
        reject(new Error('the manager process is gone'));
        return;
      }
      this.#waiting.set(number, { resolve: (value) => resolve(value as Value), reject });
      this.#child.send({ ...asked, number });
    });
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}
