/*
 * npm test: build, checks, unit and conformance tests, then the end-to-end files, two at a time (at most one of them
 * with virtual machines), each with a bound. Its very last line counts everything: `N passed, N failed, N skipped`.
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
const full = mode === '--full';
const tally = new Tally();
const interrupted = new AbortController();
process.on('SIGINT', () => interrupted.abort());
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

/** One run of vitest; returns when its report was added to the tally. Shown as it goes, or whole at its end. */
async function vitest(name: string, args: readonly string[], bound: number, show = true): Promise<void> {
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
    const result = await step(argv, { bound, show, env: { HOSTLER_TEST_REPORT: report } });
    if (!show) say(result.output);
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

interface EndToEnd {
  readonly file: string;
  /** Seconds: ten minutes, or what the file says itself near its top as `bound: N s`. */
  readonly bound: number;
  /** `bound: N s, with virtual machines`: those of one file keep two cores busy. */
  readonly machines: boolean;
}

async function endToEnd(): Promise<readonly EndToEnd[]> {
  const names = await readdir(join(root, 'test/e2e'));
  const wanted = names.filter((name) => name.endsWith('.test.ts') && (full || !name.endsWith('.full.test.ts')));
  const files = wanted.sort().map(async (name): Promise<EndToEnd> => {
    const file = `test/e2e/${name}`;
    const said = /\bbound: (\d+) s(, with virtual machines)?/.exec(
      (await readFile(join(root, file), 'utf8')).slice(0, 1500),
    );
    return { file, bound: Number(said?.[1] ?? 600), machines: said?.[2] !== undefined };
  });
  return Promise.all(files);
}

/** One lane starts with the files that need virtual machines; the longest come first, so that both end together. */
async function runEndToEnd(): Promise<void> {
  const waiting = [...(await endToEnd())].sort((one, other) => other.bound - one.bound);
  const lane = async (machines: boolean): Promise<void> => {
    while (!interrupted.signal.aborted) {
      const first = machines ? waiting.findIndex((each) => each.machines) : -1;
      const at = first === -1 ? waiting.findIndex((each) => !each.machines) : first;
      const [next] = at === -1 ? [] : waiting.splice(at, 1);
      if (next === undefined) return;
      say(`begun   ${next.file}`);
      await vitest(next.file, ['--project', 'e2e', next.file], next.bound, false);
    }
  };
  await Promise.all([lane(true), lane(false)]);
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
  if (built) await runEndToEnd();
  else for (const { file } of await endToEnd()) tally.skip(file, 'there is nothing built');
}

if (mode === '--quick') await quick();
else await everything();
if (interrupted.signal.aborted) tally.fail('interrupted: the rest was not run');
tally.print();
process.exitCode = tally.failed === 0 ? 0 : 1;
