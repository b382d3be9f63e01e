import type { Requirement } from '../../shared/verb/effect.ts';
import type { AgentSummary } from '../../shared/wire/generated/hostler/v1/AgentSummary.ts';
import type { ErrorCode } from '../../shared/errors/error.ts';

/** A task as the jobs engine hands it to the fleet. */
export interface FleetTask {
  /** job + '.' + key */
  readonly id: string;
  readonly kind: string;
  /** JSON text. */
  readonly spec: string;
  readonly deadline: number;
  readonly uninterruptible: boolean;
  readonly correlation: string;
  readonly title: string;
}

export type Placement =
  | { readonly outcome: 'placed'; readonly agent: string; readonly incarnation: string }
  /** Nobody fits. The message names the role, architecture or agent that is missing, and what to do. */
  | { readonly outcome: 'nobody'; readonly code: ErrorCode; readonly message: string };

/** What the fleet tells the jobs engine about a task. Every call must be durable before it resolves: then it is acknowledged. */
export interface TaskListener {
  started(id: string, agent: string, at: number): void;
  progress(
    id: string,
    agent: string,
    progress: { stage: string; text: string; done: number; total: number; unit: string },
  ): void;
  /** How many bytes of the log are kept. */
  logOffset(id: string): number;
  log(id: string, offset: number, text: Uint8Array): void;
  result(id: string, agent: string, result: TaskEnd): Promise<void>;
  /** The agent began a new life, or was revoked: its open tasks are gone. */
  lost(id: string, agent: string, message: string): Promise<void>;
}

export type TaskEnd =
  | { readonly outcome: 'done'; readonly result: string; readonly startedAt: number; readonly endedAt: number }
  | {
      readonly outcome: 'failed' | 'cancelled';
      readonly code: ErrorCode;
      readonly message: string;
      readonly startedAt: number;
      readonly endedAt: number;
    };

/** A booted node, or an agent's machine, has been heard from; the engine may start a job of its own about it. */
export interface AgentArrival {
  readonly agent: string;
  readonly kind: 'node' | 'service';
  readonly incarnation: string;
  readonly once: boolean;
  /** True the first time this incarnation is heard from. */
  readonly first: boolean;
  /** JSON of shared/task/facts.ts */
  readonly facts: string;
}

/** Who is out there. */
export interface Fleet {
  place(requirement: Requirement, kind: string): Placement;
  /** Hands a placed task to the agent, now or when it is back; idempotent by task id. */
  send(agent: string, incarnation: string, task: FleetTask): void;
  cancel(agent: string, taskId: string, reason: string): void;
  dismiss(agent: string, reason: string): void;
  /**
   * The engine registers itself before the links open. An arrival counts as heard when `arrived` has resolved; until
   * then it is told again, with `first`.
   */
  listen(listener: TaskListener, arrived: (arrival: AgentArrival) => Promise<void>): void;
}

/** What `hostler agents` shows and does. Names that are not known are refused with not_found. */
export interface FleetAdmin {
  /** In the order of their names. */
  agents(): AgentSummary[];
  /** A join token, shown once and never stored in clear. */
  createToken(request: TokenRequest): Promise<IssuedToken>;
  /** Lets an agent in that waits for approval. */
  approve(name: string): Promise<AgentSummary>;
  /** Its certificate is worth nothing from now on; its open tasks are lost. */
  revoke(name: string): Promise<AgentSummary>;
  /** sha256 of the authority certificate (DER), lower-case hexadecimal. */
  readonly authority: string;
  /** How many links are open now. */
  connected(): number;
}

export interface TokenRequest {
  readonly roles: readonly string[];
  /** The one name that may use it; empty: any. */
  readonly name: string;
  /** Seconds; 0: one hour. */
  readonly lifetime: number;
  /** 0: one. */
  readonly uses: number;
  readonly approval: boolean;
}

export interface IssuedToken {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}
