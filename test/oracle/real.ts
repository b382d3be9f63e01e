/*
 * npx tsx test/oracle/real.ts [GROUP]...
 * The same as main.ts against the built programs, as the test does it.
 */
import { writeFileSync } from 'node:fs';
import { apart, loadCases, loadStartState } from './cases.ts';
import { whyNoCells } from './cell.ts';
import { replayPrograms, whyNotBuilt } from './programs.ts';

async function main(): Promise<void> {
  const why = whyNoCells() ?? whyNotBuilt();
  if (why !== undefined) throw new Error(why);
  const only = process.argv.slice(2);
  const state = loadStartState();
  const answers: Record<string, unknown> = {};
  for (const [group, cases] of loadCases()) {
    if (only.length > 0 && !only.includes(group)) continue;
    const began = Date.now();
    const outcomes = await replayPrograms(cases, state);
    const wrong = outcomes.filter((outcome) => !outcome.agrees);
    for (const { recorded, answer } of wrong)
      answers[recorded.id] = { cmd: recorded.cmd, wanted: recorded.expected, answer };
    console.log(
      `${apart.has(group) ? '(apart) ' : ''}${group}: ${outcomes.length - wrong.length} of ${outcomes.length}` +
        ` (${((Date.now() - began) / 1000).toFixed(1)} s) ${wrong.map(({ recorded }) => recorded.id.slice(-3)).join(' ')}`,
    );
  }
  writeFileSync('/tmp/oracle-answers.json', JSON.stringify(answers, undefined, 1));
}

void main();
