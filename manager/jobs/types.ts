import type { Asked } from '../../shared/verb/asked.ts';
import type { Event } from '../../shared/wire/generated/hostler/v1/Event.ts';
import type { JobDetail } from '../../shared/wire/generated/hostler/v1/JobDetail.ts';
import type { JobSummary } from '../../shared/wire/generated/hostler/v1/JobSummary.ts';

/** What somebody asks for. The engine adds time, seed, server and folders, and makes it `Asked`. */
export interface VerbRequest extends Pick<
  Asked,
  'verb' | 'options' | 'operands' | 'input' | 'stanzas' | 'files' | 'plan' | 'json'
> {
  readonly user: string;
  readonly correlation: string;
  /** The command line in short, secrets left out: for job lists and the history. */
  readonly command: string;
}

/** What is said without a job or within one, see api.proto; with its position and time. */
export type JobEvent = Event & { readonly position: number; readonly at: number };

/** How a request went on. */
export type Ran =
  /** It ended at once and left no job; the last event is `finished`. */
  { readonly kind: 'ended'; readonly events: readonly JobEvent[] } | { readonly kind: 'job'; readonly id: string };

export interface CancelAnswer {
  readonly state: 'cancelling' | 'waiting' | 'finished';
  readonly message: string;
}

/** The engine that drives verbs. */
export interface Jobs {
  /** Throws unimplemented for a verb that is not there, and what the registry throws when it cannot write. */
  run(request: VerbRequest): Promise<Ran>;
  /** Verbs with their `changes`, for policy and for --plan. */
  changes(verb: string): boolean | undefined;
  /**
   * Events from the position on; waits for more until the job ends, unless told not to wait. Job ids may be shortened
   * to the number before the dash. Throws not_found.
   */
  follow(job: string, position: number, wait: boolean, signal: AbortSignal): AsyncIterable<JobEvent>;
  cancel(job: string, reason: string): Promise<CancelAnswer>;
  list(query: { readonly limit: number; readonly runningOnly: boolean }): Promise<JobSummary[]>;
  show(job: string): Promise<JobDetail>;
  /** Who started the job. Throws not_found. */
  owner(job: string): Promise<string>;
  running(): number;
  /** Gives up tasks whose agents keep no deadline. Happens by itself every few seconds. */
  checkDeadlines(): void;
  /** Takes nothing new and waits for what is being written. Tasks go on; the next start takes up the jobs. */
  close(): Promise<void>;
}
