/*
 * npx tsx test/oracle/main.ts [--show] [--only ID-OR-GROUP]...
 * Replays the recorded answers in this process and says which agree. For work on the verbs; the test proper replays
 * them against the built programs.
 */
import { apart, areThere, folder, loadCases, loadStartState } from './cases.ts';
import { recordedServer } from './agreement.ts';
import { replayInProcess, type Outcome } from './replay.ts';
import { startObjects } from './start-state.ts';

const argv = process.argv.slice(2);
const show = argv.includes('--show');
const only = argv.filter((word) => !word.startsWith('--'));

function report(outcome: Outcome): void {
  const { recorded, answer } = outcome;
  console.log(`--- ${recorded.id} (${recorded.match})\n$ ${recorded.cmd}`);
  if (recorded.stdin !== undefined) console.log(`<< ${recorded.stdin}`);
  if (recorded.expected.rc !== answer.rc) console.log(`rc: wanted ${recorded.expected.rc}, got ${answer.rc}`);
  for (const stream of ['stdout', 'stderr'] as const) {
    if (recorded.expected[stream] === answer[stream]) continue;
    console.log(`${stream} wanted:\n${recorded.expected[stream]}${stream} got:\n${answer[stream]}`);
  }
}

if (!areThere()) {
  console.log(`There are no recorded answers in ${folder}.`);
} else {
  const start = startObjects(loadStartState(), recordedServer);
  const totals = { counted: [0, 0] as [number, number], apart: [0, 0] as [number, number] };
  for (const [group, cases] of loadCases()) {
    if (only.length > 0 && !only.some((word) => word === group || word.startsWith(`${group}-`))) continue;
    const outcomes = await replayInProcess(cases, start);
    const wrong = outcomes.filter((outcome) => !outcome.agrees);
    const total = apart.has(group) ? totals.apart : totals.counted;
    total[0] += outcomes.length - wrong.length;
    total[1] += outcomes.length;
    console.log(
      `${apart.has(group) ? '(apart) ' : ''}${group}: ${outcomes.length - wrong.length} of ${outcomes.length}` +
        (wrong.length > 0 ? ` - ${wrong.map(({ recorded }) => recorded.id.slice(-3)).join(' ')}` : ''),
    );
    if (show)
      wrong
        .filter(({ recorded }) => only.length === 0 || only.includes(group) || only.includes(recorded.id))
        .forEach(report);
  }
  for (const [name, [agreed, all]] of Object.entries(totals)) {
    if (all > 0) console.log(`${name}: ${agreed} of ${all} agree (${((agreed / all) * 100).toFixed(1)} %)`);
  }
}
