import type { ErrorCode } from '../../shared/errors/error.ts';
import type { Effect, Json, Report, Requirement } from '../../shared/verb/effect.ts';
import type { JobDetail } from '../../shared/wire/generated/hostler/v1/JobDetail.ts';
import type { JobSummary } from '../../shared/wire/generated/hostler/v1/JobSummary.ts';

/** Where a step's task stands. The last four are ends. */
export type StepState = 'waiting' | 'sent' | 'running' | 'done' | 'failed' | 'lost' | 'cancelled';

/** A task of a job. Its specification lies beside the record until it ends. */
export interface StepRecord {
  /** Task id: job + '.' + key, and `-rN` for the Nth asking of the same key. */
  readonly task: string;
  readonly key: string;
  readonly kind: string;
  readonly title: string;
  readonly on: Requirement;
  /** Seconds; 0: none. */
  readonly deadline: number;
  readonly uninterruptible: boolean;
  readonly lock?: string;
  readonly refuseIfLocked?: string;
  readonly state: StepState;
  readonly agent: string;
  readonly incarnation: string;
  /** Milliseconds since the epoch; 0: not yet. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly message: string;
  /** It shall stop, for this reason. */
  readonly stop?: string;
}

export type JobStatus = 'running' | 'cancelling' | 'done' | 'failed' | 'refused' | 'cancelled';

/** How a job ends. */
export interface Ending {
  readonly status: 'done' | 'failed' | 'refused' | 'cancelled';
  readonly exit: number;
  readonly code: ErrorCode | '';
  readonly message: string;
}

/** All that is kept of a job, beside its events and the specifications of its open tasks. An immutable value. */
export interface JobRecord {
  readonly number: number;
  readonly id: string;
  readonly verb: string;
  readonly version: number;
  readonly user: string;
  readonly command: string;
  readonly correlation: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly status: JobStatus;
  readonly exit: number;
  readonly code: ErrorCode | '';
  readonly message: string;
  /** The verb's own. */
  readonly state: Json;
  /** Still to be done: begins with a commit, or is empty. */
  readonly effects: readonly Effect[];
  /** Reports that the verb has not heard yet. */
  readonly inbox: readonly Report[];
  readonly steps: readonly StepRecord[];
  /** Set when the verb ended the job while tasks are open: the job ends with the last of them. */
  readonly ending?: Ending;
}

export function isOpen(step: StepRecord): boolean {
  return step.state === 'waiting' || step.state === 'sent' || step.state === 'running';
}

export function isEnded(record: Pick<JobRecord, 'status'>): boolean {
  return record.status !== 'running' && record.status !== 'cancelling';
}

/** Job ids count up; the digits behind the dash keep them unique when a home is made anew or restored from a backup. */
export function jobId(number: number, seed: string): string {
  return `${number}-${seed.slice(0, 4)}`;
}

/** The job a task belongs to. */
export function jobOfTask(task: string): string {
  return task.slice(0, Math.max(0, task.indexOf('.')));
}

/** A record as it stands on the disk: its steps lie beside it, so that one that moves is all that is written. */
export type StoredRecord = Omit<JobRecord, 'steps'>;

export function storedRecord(record: JobRecord): StoredRecord {
  const stored: StoredRecord & { steps: undefined } = { ...record, steps: undefined };
  return stored;
}

const padded = (number: number): string => String(number).padStart(12, '0');

/** Keys in the space `jobs`. */
export const jobKeys = {
  /** Ordered by number. */
  record: (number: number): string => `job/${padded(number)}`,
  records: 'job/',
  /** Ordered as the steps were asked for. */
  step: (number: number, index: number): string => `step/${padded(number)}/${padded(index)}`,
  steps: (number: number): string => `step/${padded(number)}/`,
  spec: (task: string): string => `spec/${task}`,
  /** The incarnation of an agent that a job was started for. */
  arrival: (agent: string): string => `arrival/${agent}`,
} as const;

export function summaryOf(record: StoredRecord): JobSummary {
  const { id, verb, command, user, startedAt, endedAt, exit, correlation } = record;
  return { id, verb, command, user, startedAt, endedAt, state: record.status, exit, correlation };
}

export function detailOf(record: JobRecord): JobDetail {
  const steps = record.steps.map(({ task, title, kind, agent, state, startedAt, endedAt, message }) => {
    return { task, title, kind, agent, state, startedAt, endedAt, message };
  });
  return { summary: summaryOf(record), steps, message: record.message };
}
