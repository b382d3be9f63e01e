/*
 * npx tsx test/oracle/real.ts [GROUP]...
 * The same as main.ts against the built programs, as the test does it; says what the list of differences has wrong.
 */
import { apart } from './cases.ts';
import { replayAll } from './all-groups.ts';
import { whyNoCells } from './cell.ts';
import { loadDifferences, wronglyListed } from './differences.ts';
import { whyNotBuilt } from './programs.ts';
import type { Outcome } from './replay.ts';

function told(group: string, outcomes: readonly Outcome[], seconds: number): void {
  const wrong = outcomes.filter((outcome) => !outcome.agrees);
  console.log(
    `${apart.has(group) ? '(apart) ' : ''}${group}: ${outcomes.length - wrong.length} of ${outcomes.length}` +
      ` (${seconds.toFixed(1)} s) ${wrong.map(({ recorded }) => recorded.id.slice(-3)).join(' ')}`,
  );
}

async function main(): Promise<void> {
  const why = whyNoCells() ?? whyNotBuilt();
  if (why !== undefined) throw new Error(why);
  const outcomes = [...(await replayAll(told, process.argv.slice(2))).values()].flat();
  console.log(wronglyListed(outcomes, loadDifferences()).join('\n'));
}

void main();
