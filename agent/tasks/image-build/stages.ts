import type { TaskContext } from '../types.ts';

export interface StageTime {
  readonly name: string;
  readonly seconds: number;
  readonly cached: boolean;
  readonly [key: string]: string | number | boolean;
}

/** The stages of a build, in order. A stage whose inputs are those of an earlier build takes its result from there. */
export const stageNames = [
  'bootstrap',
  'packages',
  'otherpkgs',
  'files',
  'postinstall',
  'agent',
  'tree',
  'initrd',
] as const;
export type StageName = (typeof stageNames)[number];

/** Runs stages, says which one runs, and keeps the time of each. */
export class Stages {
  readonly times: StageTime[] = [];
  readonly #context: TaskContext;

  constructor(context: TaskContext) {
    this.#context = context;
  }

  async run<T>(name: StageName, text: string, work: () => Promise<T>): Promise<T> {
    this.#context.signal.throwIfAborted();
    this.#context.progress(name, text);
    const began = Date.now();
    const result = await work();
    this.note(name, (Date.now() - began) / 1000);
    return result;
  }

  /** For stages that were timed elsewhere, or not needed. */
  note(name: StageName, seconds: number, cached = false): void {
    this.times.push({ name, seconds: Math.round(seconds * 100) / 100, cached });
    this.#context.log(cached ? `${name}: as before` : `${name}: ${seconds.toFixed(1)} s`);
  }
}
