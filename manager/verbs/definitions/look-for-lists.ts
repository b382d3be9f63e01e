import { attribute } from '../../../shared/objects/index.ts';
import { clustersite } from '../../../shared/schema/index.ts';
import { imageListsKind, type ImageListsResult, type ImageListsSpec } from '../../../shared/task/image-lists.ts';
import { type ListSearch, mostListSearches } from '../../../shared/task/image-lists.ts';
import { type Asked, hasFlag } from '../../../shared/verb/asked.ts';
import type { Effect, Json, Report, Requirement } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';
import { words } from '../image/description.ts';
import { Lists } from './lists.ts';

/** Kept while an agent looks for lists: the command, without its standard input. */
export interface ListsState {
  readonly asked: Json;
  readonly searches: readonly ListSearch[];
  readonly [key: string]: Json;
}

/** The whole command; what it says and does may depend on lists. Ends with `done`. */
export type Run = (asked: Asked, known: View, lists: Lists) => readonly Effect[];

/** Seconds: names in a few folders. */
const deadline = 60;

/** Longest texts of node ranges that are kept, characters. */
const mostKept = 256_000;

/**
 * Carries a command out, after an agent has looked for the lists that it asks for. Where none can, it goes on without
 * them and says so: what is filled in otherwise is right all the same.
 */
export function withLists(asked: Asked, known: View, run: Run): Step<ListsState | null> {
  const lists = new Lists();
  const effects = run(asked, known, lists);
  const { wanted } = lists;
  if (wanted.length === 0) return { state: null, effects };
  const on = whoLooks(known, asked.server);
  const kept = Object.values(asked.files).reduce((sum, text) => sum + text.length, 0);
  if (on === undefined) return unanswered(asked, effects, 'No connected agent has the role build or store.');
  if (wanted.length > mostListSearches || kept > mostKept || (hasFlag(asked, 'stanza') && asked.verb !== 'lsdef')) {
    return unanswered(
      asked,
      effects,
      'That is done for what is named on the command line, a thousand profiles at most.',
    );
  }
  const look: Effect = { do: 'run', task: lookTask(asked, known, on, wanted) };
  if (asked.plan) return { state: null, effects: [look, ...effects] };
  const again = Object.fromEntries(Object.entries(asked).filter(([part]) => part !== 'input' && part !== 'stanzas'));
  return { state: { asked: again as Json, searches: wanted }, effects: [look] };
}

/** The agent's answer, and the command with it. */
export function onLists(state: ListsState | null, report: Report, known: View, run: Run): Step<ListsState | null> {
  if (state === null || report.about === 'cancel') return { state, effects: [] };
  if (report.about === 'commit') {
    if (report.outcome === 'done') return { state, effects: [] };
    return end({ do: 'refuse', code: 'aborted', message: `${report.message} Nothing was changed; try again.` });
  }
  const asked = state.asked as unknown as Asked;
  if (report.outcome === 'cancelled') return end({ do: 'refuse', code: report.code, message: report.message });
  if (report.outcome !== 'done') return unanswered(asked, run(asked, known, new Lists()), report.message);
  const { found } = report.result as unknown as ImageListsResult;
  // What another has changed meanwhile may ask for other lists: these are not looked for any more.
  return { state, effects: run(asked, known, new Lists(state.searches, found)) };
}

function lookTask(
  asked: Asked,
  known: View,
  on: Requirement,
  searches: readonly ListSearch[],
): (Effect & { do: 'run' })['task'] {
  const installdir = attribute(known, 'site', clustersite, 'installdir')?.value ?? asked.folders.install;
  const spec: ImageListsSpec = { installdir, searches };
  return { key: 'lists', kind: imageListsKind, title: 'Look for package lists and templates', on, spec, deadline };
}

/** As copycds has it: the agent on the management node, else any that builds images. */
function whoLooks(known: View, server: string): Requirement | undefined {
  const rolesOf = (row: ReturnType<View['reported']>): string[] =>
    row?.['agent.state'] === 'connected' ? words(row['agent.roles'] ?? '') : [];
  const here = rolesOf(known.reported('agent', server));
  const role = ['build', 'store'].find((one) => here.includes(one));
  if (role !== undefined) return { role, agent: server };
  for (const [, row] of known.reportedRows('agent')) if (rolesOf(row).includes('build')) return { role: 'build' };
  return undefined;
}

/** What the command does without lists, with a warning before its end. */
function unanswered(asked: Asked, effects: readonly Effect[], why: string): Step<null> {
  const text = `Warning: [${asked.server}]: Package lists and templates were not looked for. ${why}\n`;
  return { state: null, effects: [...effects.slice(0, -1), { do: 'say', text, error: true }, ...effects.slice(-1)] };
}
