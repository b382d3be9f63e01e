import { scripts } from './scripts/kind.ts';
import { nimTasks } from './nim/index.ts';
import type { TaskKind } from './types.ts';

/** Every kind of task that this agent knows; one line a kind. */
export const taskKinds: readonly TaskKind[] = [scripts, ...nimTasks];
