import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ensureIdentity } from '../../agent/identity/identity.ts';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { grpcCarrier } from '../../agent/link/grpc.ts';
import { type Carrier, openLink } from '../../agent/link/link.ts';
import { Outbox } from '../../agent/link/outbox.ts';
import type { AgentLink, LinkListener } from '../../agent/link/types.ts';
import { HostlerError } from '../../shared/errors/error.ts';
import type { Refused } from '../../shared/session/agent-session.ts';
import type { Channel } from '../../shared/session/channels.ts';
import type { ProtocolRange } from '../../shared/session/protocol.ts';
import type { Task } from '../../shared/wire/generated/hostler/v1/Task.ts';

const silent = { info: (): void => undefined, warn: (): void => undefined };

/** A folder of its own, a token, and it is an agent with a certificate. */
export function enrolSim(options: {
  readonly home: string;
  readonly manager: string;
  readonly token: string;
  readonly name: string;
  readonly roles?: readonly string[];
  readonly signal?: AbortSignal;
}): Promise<Identity> {
  return ensureIdentity({
    home: options.home,
    manager: options.manager,
    proof: { by: 'join', token: options.token, name: options.name, roles: options.roles ?? [] },
    version: '0.0.0-sim',
    incarnation: 'enrolling',
    log: silent,
    pauses: [20, 100],
    signal: options.signal ?? AbortSignal.timeout(20_000),
  });
}

export interface SimAgentOptions {
  readonly home: string;
  /** Absent: gRPC to `manager` with `identity`. */
  readonly carrier?: Carrier;
  readonly manager?: string;
  readonly identity?: Identity;
  readonly incarnation?: string;
  readonly taskKinds?: Readonly<Record<string, number>>;
  /** A function is asked at each hello, with the number of the last report. */
  readonly facts?: object | ((last: number) => object);
  readonly once?: boolean;
  readonly speaks?: ProtocolRange;
  /** What a task does; its answer is the result. Absent: done at once. */
  readonly work?: (agent: SimAgent, task: Required<Pick<Task, 'id'>> & Task) => Promise<object>;
  readonly channel?: (channel: Channel) => void;
  readonly pauses?: readonly [number, number];
  /** Absent: an empty one. */
  readonly spool?: SimSpool;
}

/** What a spool on disk would keep over a restart of the agent's process. */
export class SimSpool {
  /** Every task that came, with how often it was begun: never more than once. */
  readonly begun = new Map<string, number>();
  /** By task; `startedAt`: when it began, however often the agent's process did; `result`: the number of its report, 0 while there is none. */
  readonly open = new Map<
    string,
    { readonly task: Task & { readonly id: string }; readonly startedAt: number; state: string; result: number }
  >();
}

/** An agent without task processes: link, outbox and certificate are the real ones, the spool is memory. */
export class SimAgent {
  readonly incarnation: string;
  readonly link: AgentLink;
  readonly outbox: Outbox;
  readonly spool: SimSpool;
  /** Tasks in the order of their results' numbers. */
  readonly reported = new Map<number, string>();
  readonly cancelled = new Map<string, string>();
  readonly dismissed: string[] = [];
  readonly refusals: Refused[] = [];
  logOffsets: ReadonlyMap<string, number> = new Map();
  /** Told of what the link warns about, with its reason. */
  onWarning: ((message: string) => void) | undefined;
  onWelcome: ((offsets: ReadonlyMap<string, number>) => void) | undefined;
  readonly #options: SimAgentOptions;
  #acknowledged = 0;

  private constructor(options: SimAgentOptions, outbox: Outbox, incarnation: string, carrier: Carrier) {
    this.#options = options;
    this.spool = options.spool ?? new SimSpool();
    this.outbox = outbox;
    this.incarnation = incarnation;
    this.link = openLink({
      carrier,
      outbox,
      hello: () => ({
        version: '0.0.0-sim',
        incarnation,
        taskKinds: { ...(options.taskKinds ?? { sim: 1 }) },
        roles: [],
        openTasks: [...this.spool.open].map(([id, { state }]) => ({ id, state })),
        facts: JSON.stringify(factsIn(options, outbox.last) ?? { arch: 'x86_64', bootId: incarnation, emulates: [] }),
        once: options.once ?? false,
      }),
      listener: this.#listener(),
      log: {
        info: () => undefined,
        warn: (fields, message) => this.onWarning?.('err' in fields ? String(fields.err) : message),
      },
      pauses: options.pauses ?? [5, 50],
      ...(options.speaks === undefined ? {} : { speaks: options.speaks }),
    });
  }

  static async start(options: SimAgentOptions): Promise<SimAgent> {
    const incarnation = options.incarnation ?? randomBytes(8).toString('hex');
    const outbox = await Outbox.open(join(options.home, 'outbox'), incarnation);
    const spool = options.spool ?? new SimSpool();
    // Before the link opens: what it acknowledges leaves the outbox.
    await findResults(outbox, spool);
    const agent = new SimAgent({ ...options, spool }, outbox, incarnation, options.carrier ?? grpcOf(options));
    for (const open of spool.open.values()) if (open.result === 0) agent.#begin(open.task);
    return agent;
  }

  get begun(): ReadonlyMap<string, number> {
    return this.spool.begun;
  }

  get openTasks(): string[] {
    return [...this.spool.open.keys()];
  }

  async stop(): Promise<void> {
    await this.link.stop();
  }

  #listener(): LinkListener {
    const { channel } = this.#options;
    return {
      task: async (task) => {
        const id = task.id ?? '';
        // What a spool does: a task id seen in this life is not run twice.
        if (this.spool.begun.has(id)) return;
        this.spool.begun.set(id, 1);
        this.spool.open.set(id, { task: { ...task, id }, startedAt: Date.now(), state: 'accepted', result: 0 });
        this.#begin({ ...task, id });
      },
      cancel: (id, reason) => void this.cancelled.set(id, reason),
      dismiss: (reason) => void this.dismissed.push(reason),
      welcome: (offsets) => {
        this.logOffsets = offsets;
        this.onWelcome?.(offsets);
      },
      acknowledged: (sequence) => {
        this.#acknowledged = sequence;
        for (const [id, { result }] of this.spool.open)
          if (result !== 0 && result <= sequence) this.spool.open.delete(id);
      },
      refused: (refusal) => void this.refusals.push(refusal),
      ...(channel === undefined ? {} : { channel }),
    };
  }

  #begin(task: Task & { readonly id: string }): void {
    this.#do(task).catch((thrown: unknown) => {
      // The process that ran it is gone; the next one goes on with it.
      if (!(thrown instanceof HostlerError && thrown.code === 'cancelled')) throw thrown;
    });
  }

  async #do(task: Task & { readonly id: string }): Promise<void> {
    const startedAt = this.spool.open.get(task.id)?.startedAt ?? Date.now();
    await this.link.report({ started: { id: task.id, at: startedAt } });
    const result = (await this.#options.work?.(this, task)) ?? { ok: true };
    const text = JSON.stringify(result);
    const open = this.spool.open.get(task.id);
    if (open !== undefined) open.state = 'finished';
    const sequence = await this.link.report({
      result: { id: task.id, outcome: 'done', result: text, code: '', message: '', startedAt, endedAt: Date.now() },
    });
    this.reported.set(sequence, task.id);
    // Acknowledged before this side heard of its number: nothing to wait for.
    if (sequence <= this.#acknowledged) this.spool.open.delete(task.id);
    else if (open !== undefined) open.result = sequence;
  }
}

/** After a restart: results that are in the outbox are known by their numbers. */
async function findResults(outbox: Outbox, spool: SimSpool): Promise<void> {
  for (let at = outbox.first - 1; at < outbox.last;) {
    for (const { sequence, body } of await outbox.after(at)) {
      const open = body.result?.id === undefined ? undefined : spool.open.get(body.result.id);
      if (open !== undefined) Object.assign(open, { state: 'finished', result: sequence });
      at = sequence;
    }
  }
}

function factsIn({ facts }: SimAgentOptions, last: number): object | undefined {
  return typeof facts === 'function' ? (facts as (last: number) => object)(last) : facts;
}

function grpcOf({ manager, identity }: SimAgentOptions): Carrier {
  if (manager === undefined || identity === undefined)
    throw new Error('a simulated agent needs a carrier, or a manager and an identity');
  return grpcCarrier(manager, () => identity);
}
