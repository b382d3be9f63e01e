import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './replay.ts';

/** A way in which we answer otherwise than the original, and the recorded cases that show it. */
export interface Difference {
  readonly title: string;
  /** What the original does, what we do, and why. For people who move in. */
  readonly reason: string;
  /** What we do is what the project set out to do; the cases do not count against agreement. */
  readonly aim?: true;
  readonly ids: readonly string[];
}

const file = fileURLToPath(new URL('differences.json', import.meta.url));

export function loadDifferences(): readonly Difference[] {
  return JSON.parse(readFileSync(file, 'utf8')) as Difference[];
}

/** What the list of differences does not say rightly: nothing when every disagreement is named and no agreement is. */
export function wronglyListed(outcomes: readonly Outcome[], differences: readonly Difference[]): string[] {
  const listed = new Set(differences.flatMap(({ ids }) => ids));
  return outcomes.flatMap(({ recorded, agrees, answer }) => {
    if (agrees && listed.has(recorded.id)) return [`${recorded.id} agrees now: take it out of differences.json`];
    if (agrees || listed.has(recorded.id)) return [];
    return [
      `${recorded.id}: ${recorded.cmd}\nwanted ${JSON.stringify(recorded.expected)}\ngot    ${JSON.stringify(answer)}`,
    ];
  });
}

const heading = '## Recorded answers that do not agree';

/** docs/xcat-differences.md with its last section made anew; what stands before it is written by hand. */
export function withRecordedCases(document: string, differences: readonly Difference[]): string {
  const at = document.indexOf(heading);
  const before = (at < 0 ? document : document.slice(0, at)).trimEnd();
  const parts = differences.map(({ title, reason, ids }) => `**${title}.** ${reason}\n\nCases: ${listOf(ids)}.\n`);
  return `${before}

${heading}

Made from \`test/oracle/differences.json\` by \`npx tsx test/oracle/write-differences.ts\`: the recorded command lines of
xCAT 2.19 that the test replays and that are answered otherwise. The test fails when another one disagrees, and when one
of these agrees.

${parts.join('\n')}`;
}

/** `group-001, 002, 005`. */
function listOf(ids: readonly string[]): string {
  const groups = new Map<string, string[]>();
  for (const id of ids) {
    const split = id.lastIndexOf('-');
    const list = groups.get(id.slice(0, split)) ?? [];
    list.push(id.slice(split + 1));
    groups.set(id.slice(0, split), list);
  }
  return [...groups].map(([group, numbers]) => `${group} ${numbers.join(' ')}`).join('; ');
}
