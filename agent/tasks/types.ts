import type { Json } from '../../shared/verb/effect.ts';

/** What a running task may use. A task lives in a process of its own (agent/spool starts it). */
export interface TaskContext {
  readonly id: string;
  /** As it came; the task checks it. */
  readonly spec: Json;
  /** Private folder of the task in the spool; gone when the result was acknowledged. */
  readonly dir: string;
  /** The agent's home: `store/`, `cache/`, `identity/` ... */
  readonly home: string;
  readonly installDir: string;
  readonly tftpDir: string;
  readonly correlation: string;
  /** Aborted on cancel, on the deadline, and when the agent asks for it. The reason is a HostlerError. */
  readonly signal: AbortSignal;
  /** A line for the job's log. Never secrets. */
  log(line: string): void;
  progress(stage: string, text: string, done?: number, total?: number, unit?: string): void;
}

/** One kind of work. Throws HostlerError; what it returns goes back to the verb. */
export interface TaskKind {
  readonly kind: string;
  readonly version: number;
  /** Roles, one of which the agent must have. */
  readonly roles: readonly string[];
  run(context: TaskContext): Promise<Json>;
  /**
   * Called in a fresh process when a task's process died without a result: takes away what it left (half-built
   * trees, temporary files). Its child processes were ended before.
   */
  cleanUp?(context: TaskContext): Promise<void>;
}
