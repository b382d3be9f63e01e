import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Change } from '../../shared/verb/effect.ts';
import { agrees, recordedServer } from './agreement.ts';
import type { Answer, Case } from './cases.ts';
import { InProcess } from './in-process.ts';
import { Relay } from './shell.ts';
import { plainCommand } from './shell-words.ts';

export interface Outcome {
  readonly recorded: Case;
  readonly answer: Answer;
  readonly agrees: boolean;
}

/** Replays one group against verbs in this process; what needs a shell goes through bash and back. */
export async function replayInProcess(cases: readonly Case[], start: readonly Change[]): Promise<Outcome[]> {
  const system = new InProcess(recordedServer, start);
  const relay = new Relay((words, stdin) => system.run(words, stdin));
  const cwd = await mkdtemp(join(tmpdir(), 'hostler-oracle-'));
  const outcomes: Outcome[] = [];
  try {
    await relay.start();
    const run = async (line: string, stdin: string | undefined): Promise<Answer> => {
      const plain = plainCommand(line);
      const name = plain?.words[0];
      if (plain !== undefined && name !== undefined && !systemPrograms.has(name)) {
        return attempt(() => system.run(plain.words, stdin));
      }
      // Without a cell nothing of the machine may change.
      if (line.includes('/install')) return { rc: 0, stdout: '', stderr: '' };
      return relay.run(line, stdin, cwd);
    };
    for (const recorded of cases) {
      for (const line of recorded.setup) await run(line, undefined);
      const answer = await run(recorded.cmd, recorded.stdin);
      outcomes.push({ recorded, answer, agrees: agrees(recorded, answer, system.server) });
    }
  } finally {
    await relay.stop();
    await rm(cwd, { recursive: true, force: true });
  }
  return outcomes;
}

const systemPrograms: ReadonlySet<string> = new Set([
  'cat',
  'printf',
  'rm',
  'mkdir',
  'cp',
  'head',
  'ls',
  'touch',
  'sed',
  'echo',
]);

/** A verb that breaks is a disagreement of one case, not the end of the replay. */
function attempt(body: () => Answer): Answer {
  try {
    return body();
  } catch (error) {
    return { rc: -1, stdout: '', stderr: error instanceof Error ? String(error.stack) : String(error) };
  }
}
