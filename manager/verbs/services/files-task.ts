import { filesKind, type FilesResult, type FilesSpec } from '../../../shared/task/files.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Effect, Json, Report, Requirement } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';

/** Seconds: checking and replacing a few files takes no longer. */
const deadline = 120;

/** The agent on the manager's own machine, which has the manager's short host name; where it has not joined, any boot server. */
export function agentHere(asked: Asked, known: View): Requirement {
  return known.reported('agent', asked.server) === undefined ? { role: 'boot' } : { role: 'boot', agent: asked.server };
}

/** One task that places files on the manager's machine. Different commands that write the same files wait for each other. */
export function placeFiles(asked: Asked, known: View, title: string, spec: FilesSpec): Effect {
  return {
    do: 'run',
    task: {
      key: 'files',
      kind: filesKind,
      title,
      on: agentHere(asked, known),
      spec: spec as unknown as Json,
      deadline,
      lock: `files:${spec.files.map(({ path }) => path).join(',')}`.slice(0, 200),
    },
  };
}

/** What a verb of placed files keeps: how it ends when all goes well. */
export interface FilesState {
  readonly server: string;
  readonly exit: number;
  /** Said when the files are in place. */
  readonly text: string;
  readonly json: boolean;
  readonly [key: string]: Json;
}

/** The end of the task is the end of the verb. */
export function filesPlaced(state: FilesState, report: Report): Step<FilesState | null> {
  if (report.about !== 'task') return { state, effects: [] };
  if (report.outcome !== 'done') {
    const agent = report.agent === '' ? '' : `${report.agent}: `;
    const text = `Error: [${state.server}]: ${agent}${report.message}\n`;
    return end({ do: 'say', text, error: true }, { do: 'done', exit: 1 });
  }
  const { changed } = report.result as unknown as FilesResult;
  const said: Effect[] = state.text === '' ? [] : [{ do: 'say', text: state.text }];
  const told: Effect[] = state.json ? [{ do: 'data', value: { changed } }] : said;
  return end(...told, { do: 'done', exit: state.exit });
}
