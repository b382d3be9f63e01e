import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** One run of vitest in numbers, written to the file that HOSTLER_TEST_REPORT names, for test/run.ts. */
export interface RunReport {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message?: string }[]): void {
    const file = process.env['HOSTLER_TEST_REPORT'];
    if (file === undefined) return;
    let passed = 0;
    const failed: string[] = [];
    const skipped: { name: string; reason: string }[] = [];
    for (const module of modules) {
      const where = module.relativeModuleId;
      let tests = 0;
      for (const test of module.children.allTests()) {
        tests += 1;
        const result = test.result();
        const name = `${where} > ${test.fullName}`;
        if (result.state === 'passed') passed += 1;
        else if (result.state === 'skipped') skipped.push({ name, reason: result.note ?? 'marked so in the file' });
        else failed.push(name);
      }
      const broken = module.errors().length > 0 || (tests === 0 && module.state() === 'failed');
      if (broken) failed.push(`${where} (the file itself)`);
    }
    for (const error of unhandled) failed.push(`unhandled: ${error.message ?? 'an error'}`);
    writeFileSync(file, JSON.stringify({ passed, failed, skipped } satisfies RunReport));
  }
}
