/*
 * npm test: build, checks, unit and conformance tests, then the end-to-end files one after the other, each with a
 * bound. Its very last line counts everything: `N passed, N failed, N skipped`.
 *   --quick   types, lint of what changed, unit and conformance: under a minute
 *   --full    also the end-to-end files named *.full.test.ts
 *   --checks  only build and checks
 */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Check, checks, types } from './tools/checks.ts';
import type { RunReport } from './tools/reporter.ts';
import { root, step } from './tools/step.ts';
import { Tally } from './tools/tally.ts';

const mode = process.argv[2] ?? '';
const tally = new Tally();
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** At most two at a time: that is how many cores we count on. */
async function runChecks(list: readonly Check[]): Promise<void> {
  const started = Date.now();
  const waiting = [...list];
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const began = Date.now();
      const { ok, output } = await check.run().catch((thrown: unknown) => ({ ok: false, output: String(thrown) }));
      say(`${ok ? 'ok    ' : 'FAILED'}  ${check.name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
      if (ok) {
        tally.pass();
      } else {
        failed += 1;
        tally.fail(`check: ${check.name} (${check.hint})`);
        say(output.split('\n').slice(0, 120).join('\n'));
      }
    }
  };
  await Promise.all([worker(), worker()]);
  tally.group('checks', (Date.now() - started) / 1000, failed === 0 ? 'passed' : `${String(failed)} failed`);
}

/** One run of vitest; returns when its report was added to the tally. */
async function vitest(name: string, args: readonly string[], bound: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'hostler-test-'));
  const report = join(folder, 'report.json');
  try {
    const argv = [
      'vitest',
      'run',
      '--passWithNoTests',
      '--reporter=default',
      '--reporter=./test/tools/reporter.ts',
      ...args,
    ];
    const result = await step(argv, { bound, show: true, env: { HOSTLER_TEST_REPORT: report } });
    const counted = await readFile(report, 'utf8').then(
      (text) => JSON.parse(text) as RunReport,
      () => undefined,
    );
    tally.pass(counted?.passed ?? 0);
    for (const failure of counted?.failed ?? []) tally.fail(failure);
    for (const { name: test, reason } of counted?.skipped ?? []) tally.skip(test, reason);
    if (!result.ok && (counted === undefined || counted.failed.length === 0))
      tally.fail(`${name}: vitest ended with ${result.reason}`);
    const numbers =
      counted === undefined
        ? result.reason
        : `${String(counted.passed)} passed, ${String(counted.failed.length)} failed`;
    tally.group(name, result.seconds, numbers);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Seconds that an end-to-end file may take: ten minutes, or what it says itself near its top as `bound: N s`. */
async function boundOf(file: string): Promise<number> {
  const head = (await readFile(join(root, file), 'utf8')).slice(0, 1500);
  return Number(/\bbound: (\d+) s\b/.exec(head)?.[1] ?? 600);
}

async function build(): Promise<boolean> {
  const result = await step(['tsx', 'deploy/build.ts'], { bound: 120 });
  say(`${result.ok ? 'ok    ' : 'FAILED'}  build (${result.seconds.toFixed(1)} s)`);
  tally.group('build', result.seconds, result.ok ? 'passed' : 'failed');
  if (result.ok) tally.pass();
  else {
    say(result.output);
    tally.fail('build (npm run build)');
  }
  return result.ok;
}

async function changedFiles(): Promise<readonly string[]> {
  const listed = await Promise.all([
    step(['git', 'diff', '--name-only', '-z', '--diff-filter=d', 'HEAD'], { bound: 20 }),
    step(['git', 'ls-files', '-z', '--others', '--exclude-standard'], { bound: 20 }),
  ]);
  return listed.flatMap(({ ok, output }) => (ok ? output.split('\0') : [])).filter((file) => file.endsWith('.ts'));
}

async function quick(): Promise<void> {
  const changed = await changedFiles();
  const lint: Check = {
    name: `lint of ${String(changed.length)} changed files`,
    hint: 'npm run lint',
    run: () =>
      changed.length === 0
        ? Promise.resolve({ ok: true, output: '' })
        : step(['eslint', '--max-warnings', '0', ...changed], { bound: 120 }),
  };
  await runChecks([types, lint]);
  await vitest('unit and conformance', ['--project', 'unit', '--project', 'conformance'], 240);
}

async function everything(): Promise<void> {
  const built = await build();
  await runChecks(checks);
  if (mode === '--checks') return;
  await vitest('unit', ['--project', 'unit'], 600);
  await vitest('conformance', ['--project', 'conformance'], 400);
  const names = await readdir(join(root, 'test/e2e'));
  const files = names
    .filter((name) => name.endsWith('.test.ts') && (mode === '--full' || !name.endsWith('.full.test.ts')))
    .sort();
  for (const name of files) {
    const file = `test/e2e/${name}`;
    if (built) await vitest(file, ['--project', 'e2e', file], await boundOf(file));
    else tally.skip(file, 'there is nothing built');
  }
}

if (mode === '--quick') await quick();
else await everything();
tally.print();
process.exitCode = tally.failed === 0 ? 0 : 1;
