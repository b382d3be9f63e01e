import { HostlerError } from '../../shared/errors/error.ts';
import type { KeySpace } from '../registry/types.ts';
import { eventRemovals } from './event-log.ts';
import { type JobRecord, jobKeys } from './record.ts';

/** How many ended jobs are kept: of people, and of those that the manager starts by itself. */
const kept = { people: 1000, own: 3000 } as const;

type Kind = keyof typeof kept;

function kindOf(user: string): Kind {
  return user.startsWith('agent:') ? 'own' : 'people';
}

/** Records of all jobs as they are on the disk, and the forgetting of old ones. */
export class Archive {
  readonly #jobs: KeySpace;
  readonly #events: KeySpace;
  /** Numbers of ended jobs, oldest first. */
  readonly #ended: Record<Kind, number[]> = { people: [], own: [] };
  #pruning: Promise<void> = Promise.resolve();

  constructor(jobs: KeySpace, events: KeySpace) {
    this.#jobs = jobs;
    this.#events = events;
  }

  /** Every record, oldest first. */
  async *records(): AsyncGenerator<JobRecord> {
    for await (const [, value] of this.#jobs.entries({ prefix: jobKeys.records })) yield value as JobRecord;
  }

  async *newestFirst(): AsyncGenerator<JobRecord> {
    for await (const [, value] of this.#jobs.entries({ prefix: jobKeys.records, reverse: true }))
      yield value as JobRecord;
  }

  /** By id, or by the number before the dash. Throws not_found. */
  async find(id: string): Promise<JobRecord> {
    const record = /^\d{1,12}(-[0-9a-f]*)?$/.test(id)
      ? await this.#jobs.get(jobKeys.record(Number.parseInt(id, 10)))
      : undefined;
    const job = record as JobRecord | undefined;
    if (job === undefined || (id.includes('-') && job.id !== id)) {
      throw new HostlerError(
        'not_found',
        `There is no job ${id.slice(0, 40)}. 'hostler jobs' lists those that there are.`,
      );
    }
    return job;
  }

  /** Counts an ended job, and forgets the oldest of its kind when they are too many. */
  ended(record: Pick<JobRecord, 'number' | 'user'>): void {
    const kind = kindOf(record.user);
    this.#ended[kind].push(record.number);
  }

  /** Takes away what is too much; a failure is for the next time. */
  prune(): Promise<void> {
    this.#pruning = this.#pruning.then(() => this.#prune());
    return this.#pruning;
  }

  async #prune(): Promise<void> {
    for (const kind of ['people', 'own'] as const) {
      const numbers = this.#ended[kind];
      for (let number = numbers[0]; numbers.length > kept[kind] && number !== undefined; number = numbers[0]) {
        const record = (await this.#jobs.get(jobKeys.record(number))) as JobRecord | undefined;
        if (record !== undefined) {
          for await (const writes of eventRemovals(this.#events, record.id))
            await this.#events.write(writes, { soon: true });
          await this.#jobs.write([{ key: jobKeys.record(number), value: undefined }], { soon: true });
        }
        numbers.shift();
      }
    }
  }
}
