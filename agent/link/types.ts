import type { AgentBody } from '../../shared/session/agent-session.ts';
import type { Channel } from '../../shared/session/channels.ts';
import type { Refused } from '../../shared/session/agent-session.ts';
import type { Hello } from '../../shared/wire/generated/hostler/v1/Hello.ts';
import type { Task } from '../../shared/wire/generated/hostler/v1/Task.ts';

/** What the rest of the agent does when the manager speaks. */
export interface LinkListener {
  /** Resolves when the task is safely kept; only then it is acknowledged. A task id seen before is not run twice. */
  task(task: Task): Promise<void>;
  cancel(id: string, reason: string): void;
  dismiss(reason: string): void;
  /**
   * After every (re)connect: how much of each open task's log the manager has. Logs go on from there. Comes again on an
   * open connection, with one task's offset, when a piece of its log did not arrive.
   */
  welcome(logOffsets: ReadonlyMap<string, number>): void;
  /** The manager has every report up to this number safely: the folder of a task whose result was one may go. */
  acknowledged(sequence: number): void;
  /** The manager will not serve this agent (revoked, certificate expired, too old); the link comes back only after `retryAfter` seconds, or never (0). */
  refused?(refusal: Refused): void;
  /** A channel that the manager opens; absent: refused. */
  channel?(channel: Channel): void;
}

/** What every connection begins with; asked for anew each time. */
export type HelloFacts = Required<
  Pick<Hello, 'version' | 'incarnation' | 'taskKinds' | 'roles' | 'openTasks' | 'facts' | 'once'>
>;

/** The agent's side of the link, whatever carries it. Connects and reconnects by itself until stopped. */
export interface AgentLink {
  /** A message of consequence: on disk when the promise resolves, delivered once, however often the link breaks. */
  report(body: AgentBody): Promise<number>;
  /** May be lost. False: the link is down or full; say it again later or not at all. */
  tell(body: AgentBody): boolean;
  /** Resolves when `tell` would be taken again, or when the signal aborts. */
  ready(signal: AbortSignal): Promise<void>;
  /** Resolves when every report so far was acknowledged. */
  drained(signal: AbortSignal): Promise<void>;
  /** Throws `unavailable` when the link is down; ends with the connection. */
  openChannel(id: string): Channel;
  readonly connected: boolean;
  stop(): Promise<void>;
}
