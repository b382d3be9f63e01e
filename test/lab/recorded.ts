import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { which } from '../../shared/process/which.ts';

/**
 * Programs that stand before the real ones in PATH: each writes down that it was called, waits while it is held, and
 * then becomes the real one. Asking for a version is not written down.
 */
export class RecordedPrograms {
  /** To be the first in PATH. */
  readonly bin: string;
  readonly #dir: string;
  readonly #programs: readonly string[];

  constructor(dir: string, programs: readonly string[]) {
    this.#dir = dir;
    this.#programs = programs;
    this.bin = join(dir, 'bin');
    mkdirSync(this.bin, { recursive: true });
    for (const name of programs) {
      const real = which(name);
      if (real === undefined) throw new Error(`${name} is not installed`);
      const file = join(this.bin, name);
      const lines = [
        '#!/bin/sh',
        `case "$*" in -version|--version) exec ${real} "$@" ;; esac`,
        `echo $$ >>${this.#file(name, 'calls')}`,
        `while [ -e ${this.#file(name, 'held')} ]; do sleep 0.05; done`,
        `exec ${real} "$@"`,
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      chmodSync(file, 0o755);
    }
  }

  /** How often it was called since it was last forgotten. */
  calls(name: string): number {
    const file = this.#file(name, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0;
  }

  forget(): void {
    for (const name of this.#programs) rmSync(this.#file(name, 'calls'), { force: true });
  }

  /** From its next call on it waits until it is let go. */
  hold(name: string): void {
    writeFileSync(this.#file(name, 'held'), '');
  }

  letGo(name: string): void {
    rmSync(this.#file(name, 'held'), { force: true });
  }

  #file(name: string, suffix: string): string {
    return join(this.#dir, `${name}.${suffix}`);
  }
}
