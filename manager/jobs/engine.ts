import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { HostlerError } from '../../shared/errors/error.ts';
import type { Asked, Folders } from '../../shared/verb/asked.ts';
import type { Json } from '../../shared/verb/effect.ts';
import { type Step, type Verb, end } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import type { JobDetail } from '../../shared/wire/generated/hostler/v1/JobDetail.ts';
import type { JobSummary } from '../../shared/wire/generated/hostler/v1/JobSummary.ts';
import type { AgentArrival, Fleet } from '../fleet/types.ts';
import type { KeyWrite, Registry } from '../registry/types.ts';
import { Archive } from './archive.ts';
import { bootnodeRequest, bootnodeVerb } from './bootnode.ts';
import { eventSpace, storedEvents } from './event-log.ts';
import { Host } from './host.ts';
import { type Begun, Turns, begin } from './immediate.ts';
import { Job, jobSpace } from './job.ts';
import { planEvents } from './plan.ts';
import { type JobRecord, detailOf, isEnded, isOpen, jobId, jobKeys, summaryOf } from './record.ts';
import type { EventBody } from './say.ts';
import { storedOffset } from './task-flow.ts';
import { Tasks } from './tasks.ts';
import type { CancelAnswer, JobEvent, Jobs, Ran, VerbRequest } from './types.ts';

export interface EngineOptions {
  readonly registry: Registry;
  readonly fleet: Fleet;
  readonly verbs: ReadonlyMap<string, Verb>;
  /** The manager's short host name. */
  readonly server: string;
  readonly folders: Folders;
  readonly log: Logger;
  /** True for columns whose values are never shown. */
  readonly isSecret: (column: string) => boolean;
  /** Signs by the manager's key for images; absent where no image is signed. */
  readonly sign?: (text: string) => string;
  /** The database and this process do not agree any more: it must end. */
  readonly fatal: (error: HostlerError) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** 32 random hexadecimal digits. */
  readonly seed?: () => string;
}

/** Milliseconds between two looks at deadlines. */
const deadlineEvery = 5000;

class Engine implements Jobs {
  readonly #options: EngineOptions;
  readonly #now: () => number;
  readonly #verbs: ReadonlyMap<string, Verb>;
  readonly #host: Host;
  readonly #turns = new Turns();
  readonly #tasks: Tasks;
  readonly #archive: Archive;
  /** Those that have not ended, by number. */
  readonly #jobs = new Map<number, Job>();
  readonly #timer: NodeJS.Timeout;
  #lastNumber = 0;

  constructor(options: EngineOptions) {
    const { registry, fleet, log, fatal, now = Date.now } = options;
    this.#options = options;
    this.#now = now;
    this.#verbs = options.verbs;
    const events = registry.space(eventSpace);
    this.#archive = new Archive(registry.space(jobSpace), events);
    this.#tasks = new Tasks({ job: (id) => this.#live(id), events, log, now });
    const jobByNumber = (number: number): Job | undefined => this.#jobs.get(number);
    const tasks = this.#tasks;
    const ended = (job: Job): void => this.#jobEnded(job);
    const sign = options.sign ?? noKey;
    this.#host = new Host({ registry, fleet, log, now, sign, fatal, tasks, jobByNumber, ended });
    this.#timer = setInterval(() => this.checkDeadlines(), deadlineEvery).unref();
  }

  /** Takes up what was running when the last manager ended. To be called once, before the links open. */
  async open(): Promise<void> {
    const resumed: Job[] = [];
    for await (const record of this.#archive.records('oldest first')) {
      this.#lastNumber = record.number;
      if (isEnded(record)) this.#archive.ended(record);
      else resumed.push(await this.#load(await this.#archive.whole(record)));
    }
    const { fleet, log } = this.#options;
    fleet.listen(this.#tasks, (arrival) => this.#arrived(arrival));
    for (const job of resumed) {
      if (job.verb.version !== job.record.version || !this.#verbs.has(job.record.verb)) await this.#migrate(job);
      // A job that cannot be written now keeps trying; the others, and everybody else, need not wait for it.
      job.resume().catch((error: unknown) => log.error({ err: error, job: job.record.id }, 'A job does not go on.'));
    }
    this.#prune();
  }

  async #load(record: JobRecord): Promise<Job> {
    const verb = this.#verbs.get(record.verb);
    const job = new Job(this.#host, verb ?? goneVerb(record), record);
    await job.events.load();
    this.#jobs.set(record.number, job);
    for (const step of record.steps.filter(isOpen)) {
      this.#tasks.loadOffset(step.task, await storedOffset(this.#options.registry.space(eventSpace), step.task));
      if (step.lock !== undefined && step.state !== 'waiting') this.#host.takeLock(record, step.lock, step.task);
    }
    return job;
  }

  /** The state was stored by another version of the verb. */
  async #migrate(job: Job): Promise<void> {
    const { verb: name, version, state } = job.record;
    const verb = this.#verbs.get(name);
    let why =
      verb === undefined
        ? `there is no command ${name} any more`
        : `${name} cannot read what its version ${version} kept`;
    if (verb?.migrate !== undefined) {
      try {
        const migrated = verb.migrate(state, version);
        await job.change((draft) => draft.migrate(migrated, verb.version));
        return;
      } catch (thrown) {
        this.#host.bug(name, thrown);
        why = HostlerError.from(thrown).message;
      }
    }
    const message = `The job was begun by another version of Hostler and cannot go on: ${why}. Start the command anew.`;
    await job.change((draft) => draft.end({ status: 'failed', exit: 1, code: 'failed_precondition', message }));
  }

  checkDeadlines(): void {
    for (const job of this.#jobs.values())
      this.#tasks.checkDeadline(job, (step, reason) => this.#host.stop(step, reason));
  }

  changes(verb: string): boolean | undefined {
    return this.#verbs.get(verb)?.changes;
  }

  run(request: VerbRequest): Promise<Ran> {
    return this.#run(request, []);
  }

  async #run(request: VerbRequest, beside: readonly KeyWrite[]): Promise<Ran> {
    const verb = this.#verbs.get(request.verb);
    if (verb === undefined) {
      throw new HostlerError('unimplemented', `This manager has no command '${request.verb.slice(0, 60)}'.`);
    }
    if (this.#host.closing) throw stopping();
    const asked = this.#asked(request);
    const start = (known: View): Step<Json> => this.#start(verb, asked, known);
    if (asked.plan && verb.changes) return this.#atOnce(this.#plan(start, asked));
    const { user, command, correlation } = request;
    const info = { user, command, correlation, at: asked.at };
    const begun = await begin(start, this.#options.registry, info, this.#turns);
    if (begun.kind === 'ended') return this.#atOnce(begun.events);
    return await this.#create(verb, request, asked, begun, beside);
  }

  #asked(request: VerbRequest): Asked {
    const { verb, options, operands, input, stanzas, files, plan, json, user, correlation } = request;
    const { server, folders, seed = () => randomBytes(16).toString('hex') } = this.#options;
    const known = { verb, options, operands, files, plan, json, user, correlation, server, folders };
    const read = { ...(input !== undefined && { input }), ...(stanzas !== undefined && { stanzas }) };
    return { ...known, ...read, at: this.#now(), seed: seed() };
  }

  /** What a verb throws is a refusal; what is no HostlerError is a fault of ours as well. */
  #start(verb: Verb, asked: Asked, known: View): Step<Json> {
    try {
      return verb.start(asked, known);
    } catch (thrown) {
      if (!(thrown instanceof HostlerError)) this.#host.bug(verb.name, thrown);
      const { code, message } = HostlerError.from(thrown);
      return end({ do: 'refuse', code, message });
    }
  }

  #plan(start: (known: View) => Step<Json>, asked: Asked): EventBody[] {
    const { registry, fleet, isSecret } = this.#options;
    const known = registry.view;
    return planEvents(start(known), {
      json: asked.json,
      known,
      isSecret,
      place: ({ on, kind }) => fleet.place(on, kind),
    });
  }

  #atOnce(bodies: readonly EventBody[]): Ran {
    const at = this.#now();
    return { kind: 'ended', events: bodies.map((body, position) => ({ position, at, ...body })) };
  }

  async #create(
    verb: Verb,
    request: VerbRequest,
    asked: Asked,
    begun: Extract<Begun, { kind: 'job' }>,
    beside: readonly KeyWrite[],
  ): Promise<Ran> {
    const number = ++this.#lastNumber;
    const { user, command, correlation } = request;
    const id = jobId(number, asked.seed);
    const empty = { status: 'running', exit: 0, code: '', message: '', effects: [], inbox: [], steps: [] } as const;
    const about = { number, id, verb: verb.name, version: verb.version, user, command, correlation };
    const job = new Job(this.#host, verb, { ...about, startedAt: asked.at, endedAt: 0, state: begun.state, ...empty });
    this.#jobs.set(number, job);
    try {
      await job.create((draft) => {
        draft.events.push({ started: { job: id, verb: verb.name, correlation } });
        draft.perform(begun.effects);
      }, beside);
    } catch (thrown) {
      this.#jobs.delete(number);
      throw thrown;
    }
    return { kind: 'job', id };
  }

  #jobEnded(job: Job): void {
    this.#jobs.delete(job.record.number);
    this.#archive.ended(job.record);
    this.#prune();
    const { id, verb, status, exit, correlation } = job.record;
    this.#options.log.info({ job: id, verb, status, exit, correlation }, 'job ended');
  }

  #prune(): void {
    this.#archive.prune().catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'Old jobs could not be removed.');
    });
  }

  /** A node is up: what is to be done with it is for a verb to say. Once for each of its lives. */
  async #arrived(arrival: AgentArrival): Promise<void> {
    const { log, registry } = this.#options;
    if (arrival.kind !== 'node' || !arrival.first) return;
    const key = jobKeys.arrival(arrival.agent);
    if (!this.#verbs.has(bootnodeVerb) || (await registry.space(jobSpace).get(key)) === arrival.incarnation) return;
    const ran = await this.#run(bootnodeRequest(arrival), [{ key, value: arrival.incarnation }]);
    const last = ran.kind === 'ended' ? ran.events.at(-1)?.finished : undefined;
    if (last)
      log.info({ node: arrival.agent, exit: last.exit, message: last.message }, 'a node arrived, nothing to do');
  }

  #live(id: string): Job | undefined {
    const job = this.#jobs.get(Number.parseInt(id, 10));
    return job !== undefined && (job.record.id === id || !id.includes('-')) ? job : undefined;
  }

  async *follow(id: string, position: number, wait: boolean, signal: AbortSignal): AsyncGenerator<JobEvent> {
    const job = this.#live(id);
    if (job !== undefined) {
      yield* job.events.follow(position, wait, signal);
    } else {
      const record = await this.#archive.find(id);
      yield* storedEvents(this.#options.registry.space(eventSpace), record.id, position);
    }
  }

  async cancel(id: string, reason: string): Promise<CancelAnswer> {
    const job = this.#live(id);
    if (job === undefined) {
      const { status } = await this.#archive.find(id);
      return { state: 'finished', message: `The job has ended already (${status}).` };
    }
    await job.change((draft) => draft.cancel(reason));
    const waiting = job.record.steps.filter((step) => isOpen(step) && step.uninterruptible);
    if (waiting.length > 0) {
      const titles = waiting.map(({ title, agent }) => `"${title}" on ${agent}`).join(', ');
      return { state: 'waiting', message: `The job ends after ${titles}, which must not be interrupted.` };
    }
    return isEnded(job.record)
      ? { state: 'finished', message: `The job has ended (${job.record.status}).` }
      : { state: 'cancelling', message: 'The job is being cancelled.' };
  }

  async list({ limit, runningOnly }: { readonly limit: number; readonly runningOnly: boolean }): Promise<JobSummary[]> {
    const most = limit === 0 ? 50 : limit;
    const found: JobSummary[] = [];
    if (runningOnly) {
      const running = [...this.#jobs.values()].sort((a, b) => b.record.number - a.record.number);
      return running.slice(0, most).map((job) => summaryOf(job.record));
    }
    for await (const record of this.#archive.records('newest first')) {
      found.push(summaryOf(this.#jobs.get(record.number)?.record ?? record));
      if (found.length >= most) break;
    }
    return found;
  }

  async show(id: string): Promise<JobDetail> {
    return detailOf(await this.#record(id));
  }

  async owner(id: string): Promise<string> {
    return (this.#live(id)?.record ?? (await this.#archive.find(id))).user;
  }

  async #record(id: string): Promise<JobRecord> {
    return this.#live(id)?.record ?? (await this.#archive.whole(await this.#archive.find(id)));
  }

  running(): number {
    return this.#jobs.size;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#host.close();
    await Promise.all([...this.#jobs.values()].map((job) => job.idle()));
  }
}

function stopping(): HostlerError {
  return new HostlerError('unavailable', 'The manager is stopping; try again when it is back.');
}

function noKey(): string {
  throw new HostlerError('failed_precondition', 'This manager has no key for images.');
}

/** Stands in for a verb that this version does not have, so that its jobs can be ended. */
function goneVerb({ verb, version }: JobRecord): Verb {
  return {
    name: verb,
    version,
    changes: true,
    start: () => end({ do: 'refuse', code: 'unimplemented', message: `There is no command ${verb} any more.` }),
  };
}

/** The engine, with everything taken up that was running. The fleet's links must open after this. */
export async function openJobs(options: EngineOptions): Promise<Jobs> {
  const engine = new Engine(options);
  await engine.open();
  return engine;
}
