import { HostlerError } from '../../shared/errors/error.ts';
import type { KeySpace } from '../registry/types.ts';
import { eventRemovals } from './event-log.ts';
import { type JobRecord, type StepRecord, type StoredRecord, jobKeys } from './record.ts';

/** How many ended jobs are kept: of people, and of those that the manager starts by itself. */
const defaultKept = { people: 1000, own: 3000 };

type Kind = keyof typeof defaultKept;

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

  readonly #kept: Readonly<Record<Kind, number>>;

  constructor(jobs: KeySpace, events: KeySpace, kept: Readonly<Record<Kind, number>> = defaultKept) {
    this.#jobs = jobs;
    this.#events = events;
    this.#kept = kept;
  }

  /** Every record, without its steps. */
  async *records(order: 'oldest first' | 'newest first'): AsyncGenerator<StoredRecord> {
    const reverse = order === 'newest first';
    for await (const [, value] of this.#jobs.entries({ prefix: jobKeys.records, reverse })) yield value as StoredRecord;
  }

  async whole(record: StoredRecord): Promise<JobRecord> {
    const steps: StepRecord[] = [];
    const entries = this.#jobs.entries({ prefix: jobKeys.steps(record.number) });
    for await (const [, value] of entries) steps.push(value as StepRecord);
    return { ...record, steps };
  }

  /** By id, or by the number before the dash. Throws not_found. */
  async find(id: string): Promise<StoredRecord> {
    const record = /^\d{1,12}(-[0-9a-f]*)?$/.test(id)
      ? await this.#jobs.get(jobKeys.record(Number.parseInt(id, 10)))
      : undefined;
    const job = record as StoredRecord | undefined;
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
    this.#pruning = this.#pruning.catch(() => undefined).then(() => this.#prune());
    return this.#pruning;
  }

  async #prune(): Promise<void> {
    for (const kind of ['people', 'own'] as const) {
      const numbers = this.#ended[kind];
      for (let number = numbers[0]; numbers.length > this.#kept[kind] && number !== undefined; number = numbers[0]) {
        await this.#forget(number);
        numbers.shift();
      }
    }
  }

  async #forget(number: number): Promise<void> {
    const record = (await this.#jobs.get(jobKeys.record(number))) as StoredRecord | undefined;
    if (record === undefined) return;
    for await (const writes of eventRemovals(this.#events, record.id)) await this.#events.write(writes, { soon: true });
    const { steps } = await this.whole(record);
    const keys = [...steps.map((_, index) => jobKeys.step(number, index)), jobKeys.record(number)];
    await this.#jobs.write(
      keys.map((key) => ({ key, value: undefined })),
      { soon: true },
    );
  }
}
