import { pino } from 'pino';
import { openJobs } from '../../../../manager/jobs/engine.ts';
import type { JobEvent, Jobs, Ran, VerbRequest } from '../../../../manager/jobs/types.ts';
import type { AgentArrival, Fleet, FleetTask, TaskEnd, TaskListener } from '../../../../manager/fleet/types.ts';
import { openMemoryStore } from '../../../../manager/registry/memory-store.ts';
import { openRegistry } from '../../../../manager/registry/registry.ts';
import type { Store } from '../../../../manager/registry/store.ts';
import type { Registry } from '../../../../manager/registry/types.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import type { Verb } from '../../../../shared/verb/verb.ts';

export type Behaviour = (task: FleetTask) => TaskEnd | 'silent';

export const done = (result: Json = null): TaskEnd => ({
  outcome: 'done',
  result: JSON.stringify(result),
  startedAt: 1,
  endedAt: 2,
});
export const failed = (message: string): TaskEnd => ({
  outcome: 'failed',
  code: 'internal',
  message,
  startedAt: 1,
  endedAt: 2,
});

/** Agents that outlive the manager: a task is done once, its end is told until it is acknowledged. */
export class Agents {
  behaviour: Behaviour = () => done();
  /** Roles that somebody has. */
  roles = ['build', 'boot', 'store', 'node'];
  readonly runs = new Map<string, number>();
  readonly sent: FleetTask[] = [];
  readonly cancelled: { task: string; reason: string }[] = [];
  readonly dismissed: string[] = [];
  readonly #outbox = new Map<string, TaskEnd>();
  #listener: TaskListener | undefined;
  #arrived: ((arrival: AgentArrival) => Promise<void>) | undefined;

  /** What one manager sees of them; it dies with the manager. */
  fleet(): Fleet {
    return {
      place: ({ role = 'any' }) =>
        this.roles.includes(role)
          ? { outcome: 'placed', agent: `${role}1`, incarnation: 'i1' }
          : { outcome: 'nobody', code: 'failed_precondition', message: `No agent has the role ${role}.` },
      send: (agent, _incarnation, task) => this.#run(agent, task),
      cancel: (_agent, task, reason) => this.cancelled.push({ task, reason }),
      dismiss: (agent) => this.dismissed.push(agent),
      listen: (listener, arrived) => {
        this.#listener = listener;
        this.#arrived = arrived;
        // What was not acknowledged is told again, as after a reconnect.
        for (const [task, end] of this.#outbox) this.#tell(task, end);
      },
    };
  }

  get listener(): TaskListener {
    if (this.#listener === undefined) throw new Error('no manager listens');
    return this.#listener;
  }

  arrive(arrival: AgentArrival): Promise<void> {
    return this.#arrived?.(arrival) ?? Promise.resolve();
  }

  agentOf(task: string): string {
    return this.#agents.get(task) ?? '';
  }

  readonly #agents = new Map<string, string>();

  #run(agent: string, task: FleetTask): void {
    this.sent.push(task);
    if (this.runs.has(task.id)) return;
    this.runs.set(task.id, 1);
    this.#agents.set(task.id, agent);
    const end = this.behaviour(task);
    if (end !== 'silent') this.finish(task.id, end);
  }

  finish(task: string, end: TaskEnd): void {
    this.#outbox.set(task, end);
    this.#tell(task, end);
  }

  #tell(task: string, end: TaskEnd): void {
    const acknowledged = this.listener.result(task, this.agentOf(task), end);
    acknowledged.then(
      () => this.#outbox.delete(task),
      () => undefined,
    );
  }
}

/** The process dies at a write: before it reaches the disk, or right after it has. */
export class MortalStore implements Store {
  readonly #inner: Store;
  #writesLeft = Infinity;
  #mode: 'before' | 'after' = 'before';
  dead = false;

  constructor(inner: Store) {
    this.#inner = inner;
  }

  dieAt(write: number, mode: 'before' | 'after'): void {
    this.#writesLeft = write;
    this.#mode = mode;
  }

  get(key: string): Promise<string | undefined> {
    return this.dead ? new Promise(() => undefined) : this.#inner.get(key);
  }

  entries(range: Parameters<Store['entries']>[0]): ReturnType<Store['entries']> {
    return this.#inner.entries(range);
  }

  async write(batch: Parameters<Store['write']>[0], sync: boolean): Promise<void> {
    const last = this.#writesLeft-- <= 0;
    if (!this.dead && (!last || this.#mode === 'after')) await this.#inner.write(batch, sync);
    if (last) this.dead = true;
    // The dead answer nothing.
    if (this.dead) await new Promise(() => undefined);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export interface Manager {
  readonly registry: Registry;
  readonly jobs: Jobs;
  readonly store: MortalStore;
}

export const disk = openMemoryStore;

export async function startManager(
  onDisk: Store,
  agents: Agents,
  verbs: readonly Verb[],
  now?: () => number,
): Promise<Manager> {
  const store = new MortalStore(onDisk);
  const registry = await openRegistry(store);
  const jobs = await openJobs({
    registry,
    fleet: agents.fleet(),
    verbs: new Map(verbs.map((verb) => [verb.name, verb])),
    server: 'mn',
    folders: { install: '/install', tftp: '/tftpboot', hostsFile: '/etc/hosts', share: '/opt/hostler/share' },
    log: pino({ level: 'silent' }),
    isSecret: (column) => column.includes('password'),
    fatal: (error) => {
      throw error;
    },
    ...(now && { now }),
  });
  return { registry, jobs, store };
}

export function request(verb: string, change: Partial<VerbRequest> = {}): VerbRequest {
  return {
    verb,
    options: {},
    operands: [],
    files: {},
    plan: false,
    json: false,
    user: 'ann',
    correlation: 'c1',
    command: verb,
    ...change,
  };
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** All events of a request, to its end. */
export async function eventsOf(jobs: Jobs, ran: Ran): Promise<readonly JobEvent[]> {
  return ran.kind === 'ended' ? ran.events : collect(jobs.follow(ran.id, 0, true, new AbortController().signal));
}

export function texts(events: readonly JobEvent[]): string[] {
  return events.flatMap((event) => (event.output?.text === undefined ? [] : [event.output.text.trimEnd()]));
}
