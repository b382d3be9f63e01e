import { loadCases, loadStartState } from './cases.ts';
import { replayPrograms, withPrograms } from './programs.ts';
import type { Outcome } from './replay.ts';

/** Replays every group against the built programs, two at a time. `told`: after each group. */
export async function replayAll(
  told: (group: string, outcomes: readonly Outcome[], seconds: number) => void = () => undefined,
  only: readonly string[] = [],
): Promise<Map<string, Outcome[]>> {
  const state = loadStartState();
  const groups = new Map([...loadCases()].filter(([group]) => only.length === 0 || only.includes(group)));
  // The longest first, so that the two end at about the same time.
  const waiting = [...groups].sort(([, left], [, right]) => right.length - left.length);
  const done = new Map<string, Outcome[]>();
  await withPrograms(async (programs) => {
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const began = Date.now();
        const outcomes = await replayPrograms(programs, next[1], state);
        done.set(next[0], outcomes);
        told(next[0], outcomes, (Date.now() - began) / 1000);
      }
    };
    await Promise.all([worker(), worker()]);
  });
  return new Map([...groups.keys()].map((group) => [group, done.get(group) ?? []]));
}
