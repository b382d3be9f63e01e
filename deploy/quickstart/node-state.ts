import { bootStages } from '../../shared/task/node-events.ts';
import type { Commands } from './commands.ts';

/** What the manager knows of the node's boot: reported values by name, as lsdef gives them. */
export type NodeState = Readonly<Record<string, string>>;

export interface Milestone {
  readonly stage: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export async function nodeState(commands: Commands, node: string): Promise<NodeState> {
  const answer = await commands.json('lsdef', '-t', 'node', '-o', node);
  const values: Record<string, string> = {};
  collect(answer, values);
  return values;
}

/** Every text in the answer by its key, however deep. */
function collect(value: unknown, into: Record<string, string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    if (typeof item === 'string') into[key] = item;
    else collect(item, into);
  }
}

/** In the order of a boot; stages that did not happen are not there. */
export function milestones(state: NodeState): Milestone[] {
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
