/*
 * npx tsx test/oracle/real.ts [--drop] [GROUP]...
 * The same as main.ts against the built programs, as the test does it; says what the list of differences has wrong.
 * --drop takes the cases that agree now out of the list.
 */
import { writeFileSync } from 'node:fs';
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
  const argv = process.argv.slice(2);
  const only = argv.filter((word) => !word.startsWith('--'));
  const outcomes = [...(await replayAll(told, only)).values()].flat();
  if (argv.includes('--drop')) {
    const agreeing = new Set(outcomes.filter(({ agrees }) => agrees).map(({ recorded }) => recorded.id));
    const kept = loadDifferences().map((difference) => ({
      ...difference,
      ids: difference.ids.filter((id) => !agreeing.has(id)),
    }));
    const text = JSON.stringify(
      kept.filter(({ ids }) => ids.length > 0),
      undefined,
      2,
    );
    writeFileSync(new URL('differences.json', import.meta.url), `${text}\n`);
  }
  console.log(wronglyListed(outcomes, loadDifferences()).join('\n'));
}

void main();
