import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

interface Answer {
  readonly number: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A TypeScript program of this folder as a process of its own that answers questions over the channel of child_process. */
export class Child<Ask extends object> {
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #child: ChildProcess;
  #number = 0;
  /** What it says when it is ready. */
  readonly ready: Promise<unknown>;

  /** `under`: what to run it under, such as `ip netns exec NAME`. */
  constructor(script: string, args: readonly string[] = [], under: readonly string[] = []) {
    const [program = process.execPath, ...argv] = [
      ...under,
      process.execPath,
      '--expose-gc',
      '--max-old-space-size=8192',
      '--import',
      'tsx',
      script,
      ...args,
    ];
    const child = spawn(program, argv, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // As dist/hostler-manager runs.
      env: { ...process.env, MALLOC_TRIM_THRESHOLD_: '131072' },
    });
    this.#child = child;
    this.ready = new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
    child.on('message', (message: Answer) => {
      const waiting = this.#waiting.get(message.number);
      this.#waiting.delete(message.number);
      if (message.error === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(message.error));
    });
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${script} has ended`));
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask<Value>(asked: Ask): Promise<Value> {
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      if (!this.#child.connected) {
        reject(new Error('the process has ended'));
        return;
      }
      this.#waiting.set(number, { resolve: (value) => resolve(value as Value), reject });
      this.#child.send({ ...asked, number });
    });
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }
}
