/** What has been counted so far, and the last line. */
export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;
  readonly #failures: string[] = [];
  readonly #skips: string[] = [];
  readonly #groups: { readonly name: string; readonly seconds: number; readonly result: string }[] = [];

  pass(count = 1): void {
    this.passed += count;
  }

  fail(what: string): void {
    this.failed += 1;
    this.#failures.push(what);
  }

  skip(what: string, reason: string): void {
    this.skipped += 1;
    this.#skips.push(`${what}: ${reason}`);
  }

  group(name: string, seconds: number, result: string): void {
    this.#groups.push({ name, seconds, result });
  }

  /** Prints what failed, what was skipped and why, how long each group took; the very last line is the count. */
  print(): void {
    const lines = [''];
    if (this.#skips.length > 0) lines.push('Skipped:', ...this.#skips.map((text) => `  ${text}`), '');
    if (this.#failures.length > 0) lines.push('Failed:', ...this.#failures.map((text) => `  ${text}`), '');
    lines.push(
      ...this.#groups.map(({ name, seconds, result }) => `${seconds.toFixed(1).padStart(7)} s  ${name}: ${result}`),
      '',
    );
    lines.push(`${String(this.passed)} passed, ${String(this.failed)} failed, ${String(this.skipped)} skipped`);
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}
