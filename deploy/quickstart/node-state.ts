import { bootStages } from '../../shared/task/node-events.ts';
import type { Commands } from './commands.ts';

/** What the manager notes of an object by itself, by column (`boot.timeline`, `hostler.kernel`), as lsdef --json has it. */
export type State = Readonly<Record<string, string>>;

export interface Milestone {
  readonly stage: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export async function stateOf(commands: Commands, type: string, name: string): Promise<State> {
  const answer = (await commands.json('lsdef', '-t', type, '-o', name)) as { state?: State };
  return answer.state ?? {};
}

/** In the order of a boot; stages that did not happen are not there. */
export function milestones(state: State): Milestone[] {
  const timeline = parsed(state['boot.timeline']);
  return bootStages.flatMap((stage) => {
    const at = timeline[stage];
    return typeof at === 'number' ? [{ stage, at }] : [];
  });
}

function parsed(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
