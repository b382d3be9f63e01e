import type { FromAgent } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { Task } from '../../shared/wire/generated/hostler/v1/Task.ts';

/** What the rest of the agent does when the manager speaks. */
export interface LinkListener {
  /** Resolves when the task is safely kept; only then it is acknowledged. A task id seen before is not run twice. */
  task(task: Task): Promise<void>;
  cancel(id: string, reason: string): void;
  dismiss(reason: string): void;
  /** After every (re)connect: how much of each open task's log the manager has. Logs go on from there. */
  welcome(logOffsets: ReadonlyMap<string, number>): void;
  /** The manager has this result safely; the task's folder may go. */
  acknowledged(sequence: number): void;
}

/** The agent's side of the link, whatever carries it. Connects and reconnects by itself until stopped. */
export interface AgentLink {
  /** A message of consequence: on disk when the promise resolves, delivered once, however often the link breaks. */
  report(body: Omit<FromAgent, 'sequence' | 'acknowledged'>): Promise<number>;
  /** May be lost. False: the link is down or full; say it again later or not at all. */
  tell(body: Omit<FromAgent, 'sequence' | 'acknowledged'>): boolean;
  /** Resolves when every report so far was acknowledged. */
  drained(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}
