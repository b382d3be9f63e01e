import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ensureIdentity } from '../../agent/identity/identity.ts';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { grpcCarrier } from '../../agent/link/grpc.ts';
import { type Carrier, openLink } from '../../agent/link/link.ts';
import { Outbox } from '../../agent/link/outbox.ts';
import type { AgentLink, LinkListener } from '../../agent/link/types.ts';
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
  readonly facts?: object;
  readonly once?: boolean;
  readonly speaks?: ProtocolRange;
  /** What a task does; its answer is the result. Absent: done at once. */
  readonly work?: (agent: SimAgent, task: Required<Pick<Task, 'id'>> & Task) => Promise<object>;
  readonly channel?: (channel: Channel) => void;
  readonly pauses?: readonly [number, number];
}

/** An agent without task processes: link, outbox and certificate are the real ones, the spool is memory. */
export class SimAgent {
  readonly incarnation: string;
  readonly link: AgentLink;
  readonly outbox: Outbox;
  /** Every task that came, with how often it was begun: never more than once. */
  readonly begun = new Map<string, number>();
  /** Tasks in the order of their results' numbers. */
  readonly reported: string[] = [];
  readonly cancelled = new Map<string, string>();
  readonly dismissed: string[] = [];
  readonly refusals: Refused[] = [];
  logOffsets: ReadonlyMap<string, number> = new Map();
  onWelcome: ((offsets: ReadonlyMap<string, number>) => void) | undefined;
  /** State by task, for the hello; and the number of its result. */
  readonly #open = new Map<string, { state: string; result: number }>();
  readonly #options: SimAgentOptions;
  #acknowledged = 0;

  private constructor(options: SimAgentOptions, outbox: Outbox, incarnation: string, carrier: Carrier) {
    this.#options = options;
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
        openTasks: [...this.#open].map(([id, { state }]) => ({ id, state })),
        facts: JSON.stringify(options.facts ?? { arch: 'x86_64', bootId: incarnation, emulates: [] }),
        once: options.once ?? false,
      }),
      listener: this.#listener(),
      log: silent,
      pauses: options.pauses ?? [5, 50],
      ...(options.speaks === undefined ? {} : { speaks: options.speaks }),
    });
  }

  static async start(options: SimAgentOptions): Promise<SimAgent> {
    const incarnation = options.incarnation ?? randomBytes(8).toString('hex');
    const outbox = await Outbox.open(join(options.home, 'outbox'), incarnation);
    return new SimAgent(options, outbox, incarnation, options.carrier ?? grpcOf(options));
  }

  get openTasks(): string[] {
    return [...this.#open.keys()];
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
        if (this.begun.has(id)) return;
        this.begun.set(id, 1);
        this.#open.set(id, { state: 'accepted', result: 0 });
        void this.#do({ ...task, id });
      },
      cancel: (id, reason) => void this.cancelled.set(id, reason),
      dismiss: (reason) => void this.dismissed.push(reason),
      welcome: (offsets) => {
        this.logOffsets = offsets;
        this.onWelcome?.(offsets);
      },
      acknowledged: (sequence) => {
        this.#acknowledged = sequence;
        for (const [id, { result }] of this.#open) if (result !== 0 && result <= sequence) this.#open.delete(id);
      },
      refused: (refusal) => void this.refusals.push(refusal),
      ...(channel === undefined ? {} : { channel }),
    };
  }

  async #do(task: Task & { readonly id: string }): Promise<void> {
    const startedAt = Date.now();
    await this.link.report({ started: { id: task.id, at: startedAt } });
    const result = (await this.#options.work?.(this, task)) ?? { ok: true };
    const text = JSON.stringify(result);
    this.#open.set(task.id, { state: 'finished', result: 0 });
    const sequence = await this.link.report({
      result: { id: task.id, outcome: 'done', result: text, code: '', message: '', startedAt, endedAt: Date.now() },
    });
    this.reported[sequence] = task.id;
    // Acknowledged before this side heard of its number: nothing to wait for.
    if (sequence <= this.#acknowledged) this.#open.delete(task.id);
    else this.#open.set(task.id, { state: 'finished', result: sequence });
  }
}

function grpcOf({ manager, identity }: SimAgentOptions): Carrier {
  if (manager === undefined || identity === undefined)
    throw new Error('a simulated agent needs a carrier, or a manager and an identity');
  return grpcCarrier(manager, () => identity);
}
