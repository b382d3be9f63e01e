import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestAgent } from '../fixtures/agent/agent-program.ts';
import { testProgram } from '../fixtures/agent/test-program.ts';
import type { ReporterSettings } from '../sim/reporter-process.ts';

/** A process that may be killed, and started again with the same home. */
export class Killable {
  readonly #argv: readonly string[];
  readonly #stderr: 'ignore' | 'inherit';
  #child: ChildProcess | undefined;

  constructor(argv: readonly string[], stderr: 'ignore' | 'inherit' = 'inherit') {
    this.#argv = argv;
    this.#stderr = stderr;
    this.up();
  }

  up(): void {
    this.#child = spawn(process.execPath, this.#argv, { stdio: ['ignore', 'ignore', this.#stderr] });
  }

  get isUp(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isUp) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

/** The product's agent with kinds of tasks made for tests. */
export function startAgent(home: string, settings: TestAgent): Killable {
  mkdirSync(join(home, 'cache'), { recursive: true });
  writeFileSync(join(home, 'cache/tools.json'), '{}');
  writeFileSync(join(home, 'test.json'), JSON.stringify(settings));
  const [, script] = testProgram;
  // What it says stands in its log as well.
  return new Killable([script, 'run', home], 'ignore');
}

/** A boot server that only reports (test/sim/reporter-process.ts). */
export function startReporter(home: string, settings: ReporterSettings): Killable {
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'reporter.json'), JSON.stringify(settings));
  const script = fileURLToPath(new URL('../sim/reporter-process.ts', import.meta.url));
  return new Killable(['--import', 'tsx', script, home]);
}
