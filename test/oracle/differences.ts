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

/** docs/xcat-differences.md. */
export function differencesText(differences: readonly Difference[]): string {
  const parts = differences.map(({ title, reason, ids }) => {
    const cases = ids.length === 0 ? '' : `\n\nRecorded cases: ${listOf(ids)}.`;
    return `## ${title}\n\n${reason}${cases}\n`;
  });
  return `# Where Hostler answers otherwise than xCAT

Made from \`test/oracle/differences.json\`; change that file and run \`npx tsx test/oracle/write-differences.ts\`.
The cases are those of the recorded answers of xCAT 2.19 that the test replays.

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
