import type { ErrorCode } from '../errors/error.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A change of one object. `values`: a string sets the `table.column`, null clears it; `remove` drops the object. */
export interface Change {
  readonly type: string;
  readonly name: string;
  readonly values?: Readonly<Record<string, string | null>>;
  readonly remove?: true;
  /**
   * What the verb saw and relied on: `table.column` to value (null: unset). When the registry holds something else at
   * commit time nothing of the commit is applied and a conflict is reported. Where absent the engine fills in the
   * values at the revision of `known` for the keys being changed.
   */
  readonly expected?: Readonly<Record<string, string | null>>;
  /**
   * `table.column` to a text: the value becomes the text's signature by the manager's key for images. Only in what a
   * verb answers to a report.
   */
  readonly sign?: Readonly<Record<string, string>>;
  /** The object must not exist (true) or must exist (false) at commit time. */
  readonly fresh?: boolean;
}

/** What an agent must be or have to be given a task. Everything named must fit. */
export interface Requirement {
  /** This agent and no other. */
  readonly agent?: string;
  readonly role?: string;
  /** Architecture of the machine, xCAT's words (x86_64, ppc64le, aarch64). Preferred first; with `cross` others may do. */
  readonly arch?: string;
  readonly cross?: boolean;
  /** Release of the machine (shared/distro/major.ts): preferred among machines that are otherwise as good. */
  readonly release?: string;
  /** Of several that are as good as each other this one: it has what was made before. */
  readonly rather?: string;
}

export interface TaskRequest {
  /** Names the step within the job: letters, digits, `-`. The task id is job + `.` + key. */
  readonly key: string;
  readonly kind: string;
  readonly title: string;
  readonly on: Requirement;
  readonly spec: Json;
  /** Seconds. */
  readonly deadline?: number;
  readonly uninterruptible?: boolean;
  /**
   * Only one task with the same lock runs at a time, fleet-wide; others wait (they say for whom) or, with
   * `refuseIfLocked`, fail at once with `aborted`.
   */
  readonly lock?: string;
  readonly refuseIfLocked?: string;
}

export type Effect =
  | { readonly do: 'say'; readonly text: string; readonly error?: boolean }
  | { readonly do: 'data'; readonly value: Json }
  | { readonly do: 'commit'; readonly key: string; readonly changes: readonly Change[] }
  /** Reported state (node status, facts): coalesced, without history, never conflicts. null clears. */
  | {
      readonly do: 'observe';
      readonly type: string;
      readonly name: string;
      readonly values: Readonly<Record<string, string | null>>;
    }
  | { readonly do: 'run'; readonly task: TaskRequest }
  /** Stops a task of this job. Its end comes as a report. */
  | { readonly do: 'stop'; readonly key: string; readonly reason: string }
  /** A node agent that runs once has nothing more to do. */
  | { readonly do: 'dismiss'; readonly agent: string; readonly reason: string }
  /** The job ends with this exit code. */
  | { readonly do: 'done'; readonly exit: number }
  /** The job ends; the message goes to standard error as it is. Default exit 1. */
  | { readonly do: 'refuse'; readonly code: ErrorCode; readonly message: string; readonly exit?: number };

/** What comes back to a verb. One report a task, one a commit. */
export type Report =
  | {
      readonly about: 'task';
      readonly key: string;
      readonly outcome: 'done';
      readonly agent: string;
      readonly result: Json;
      /** When the manager heard of it, milliseconds since the epoch. */
      readonly at?: number;
    }
  | {
      readonly about: 'task';
      readonly key: string;
      /** lost: the agent began a new life. */
      readonly outcome: 'failed' | 'lost' | 'cancelled';
      readonly agent: string;
      readonly code: ErrorCode;
      readonly message: string;
      readonly at?: number;
    }
  | { readonly about: 'commit'; readonly key: string; readonly outcome: 'done'; readonly revision: number }
  | { readonly about: 'commit'; readonly key: string; readonly outcome: 'conflict'; readonly message: string }
  /** Somebody cancelled the job. The engine stops running tasks by itself; the verb may clean up. */
  | { readonly about: 'cancel'; readonly reason: string };
