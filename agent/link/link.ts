import { HostlerError } from '../../shared/errors/error.ts';
import { AgentSession, type AgentSessionEvents, Refused } from '../../shared/session/agent-session.ts';
import type { Duplex } from '../../shared/session/duplex.ts';
import { type ProtocolRange, spoken } from '../../shared/session/protocol.ts';
import { Changes, pause } from '../../shared/session/signals.ts';
import type { FromAgent } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent__Output } from '../../shared/wire/generated/hostler/v1/ToAgent.ts';
import { Backoff } from './backoff.ts';
import { Depot } from './depot.ts';
import type { Outbox } from './outbox.ts';
import type { AgentLink, HelloFacts, LinkListener } from './types.ts';

/** One attempt to reach the manager: gRPC, NATS, in tests memory. Need not be connected when it returns. */
export interface Carrier {
  (signal: AbortSignal): Duplex<ToAgent__Output, FromAgent> | Promise<Duplex<ToAgent__Output, FromAgent>>;
  /**
   * Lays reports down where they outlive this agent, for a manager that is away; absent where there is no such place.
   * Throws HostlerError when they are not safe there.
   */
  readonly keep?: (incarnation: string, messages: readonly FromAgent[]) => Promise<void>;
  /** Such a place is there now. */
  readonly canKeep?: () => boolean | Promise<boolean>;
  /** Which one was meant, where there are several: what lies at one is not at another. */
  readonly place?: () => string;
  /** Changes when somebody says that the manager is there: who pauses may try sooner. Absent where nobody can. */
  readonly called?: Changes;
}

/** The part of a pino logger that is used. */
export interface LinkLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface LinkDeps {
  readonly carrier: Carrier;
  readonly outbox: Pick<Outbox, 'add' | 'after' | 'release' | 'first' | 'last' | 'grown' | 'drained' | 'close'>;
  readonly hello: () => HelloFacts | Promise<HelloFacts>;
  readonly listener: LinkListener;
  readonly log: LinkLog;
  readonly speaks?: ProtocolRange;
  readonly random?: () => number;
  /** Milliseconds of the first and the longest pause between attempts. */
  readonly pauses?: readonly [first: number, most: number];
}

const defaultPauses = [500, 30_000] as const;

/** Within so many milliseconds after the manager was heard of the next attempt is made; all agents hear of it at once. */
const soon = 10_000;

/** Connects at once and keeps the link until stopped, or until the manager says never to come back. */
export function openLink(deps: LinkDeps): AgentLink {
  const stopping = new AbortController();
  const stopped = (): boolean => stopping.signal.aborted;
  const connection = new Changes();
  const [first, most] = deps.pauses ?? defaultPauses;
  const backoff = new Backoff(first, most, deps.random);
  const depot = new Depot(deps);
  let session: AgentSession | undefined;
  let received = 0;

  const events: AgentSessionEvents = {
    welcome(welcome) {
      backoff.reset();
      connection.notify();
      deps.listener.welcome(new Map(Object.entries(welcome.logOffsets)));
    },
    task: (task) => deps.listener.task(task),
    cancel: (id, reason) => deps.listener.cancel(id, reason),
    dismiss: (reason) => deps.listener.dismiss(reason),
    acknowledged(sequence) {
      depot.acknowledged(sequence);
      deps.listener.acknowledged(sequence);
    },
    ...(deps.listener.channel === undefined ? {} : { channel: deps.listener.channel.bind(deps.listener) }),
  };

  async function connectOnce(): Promise<void> {
    const hello = await deps.hello();
    depot.incarnation = hello.incarnation;
    const duplex = await deps.carrier(stopping.signal);
    session = new AgentSession(duplex, deps.outbox, events, received, deps.random);
    try {
      await session.run(hello, deps.speaks ?? spoken, stopping.signal);
    } finally {
      received = session.received;
      session = undefined;
      connection.notify();
    }
  }

  /** Milliseconds until the next attempt; undefined: never. */
  function pauseAfter(thrown: unknown): number | undefined {
    const error = HostlerError.from(thrown, 'unavailable');
    const wait = backoff.next();
    if (!(error instanceof Refused)) {
      deps.log.warn({ err: error, wait: Math.round(wait) }, 'no link to the manager');
      return wait;
    }
    deps.log.warn({ err: error, retryAfter: error.retryAfter }, 'the manager refused the link');
    deps.listener.refused?.(error);
    // On top of what the manager asks for, so that a crowd that was turned away does not come back as one. Never more than
    // as long again: the manager is there and said when.
    const asked = error.retryAfter * 1000;
    return asked === 0 ? undefined : asked + Math.min(wait, asked);
  }

  async function run(): Promise<void> {
    while (!stopped()) {
      let wait: number | undefined;
      // Whom the manager told when to come back is not in a hurry.
      let asked = false;
      try {
        await connectOnce();
        wait = backoff.next();
      } catch (thrown) {
        wait = stopped() ? 0 : pauseAfter(thrown);
        asked = thrown instanceof Refused;
      }
      if (wait === undefined) return;
      await depot.keep(stopping.signal);
      await pauseKeeping(wait, asked);
    }
  }

  /** What is reported meanwhile is laid down at once: this machine may be switched off before the next attempt. */
  async function pauseKeeping(wait: number, asked: boolean): Promise<void> {
    // Ends with this pause, so that attempts in vain leave nobody waiting.
    const enough = new AbortController();
    const over = (): 'over' => 'over';
    const called = asked ? undefined : deps.carrier.called?.next(enough.signal);
    const sooner = called?.then(() => pause((deps.random ?? Math.random)() * soon, enough.signal));
    const rest = Promise.race([pause(wait, stopping.signal), ...(sooner === undefined ? [] : [sooner])]).then(over);
    for (;;) {
      const what = await Promise.race([rest, deps.outbox.grown.next(enough.signal)]);
      if (what === 'over' || stopped()) break;
      await depot.keep(stopping.signal);
    }
    enough.abort();
  }

  const running = run();

  return {
    report: (body) => deps.outbox.add(body),
    tell: (body) => session?.tell(body) ?? false,
    async ready(signal) {
      while (!signal.aborted && !stopped()) {
        const now = session;
        if (now?.open === true) {
          await now.ready(signal);
          if (stillOpen(now)) return;
        } else {
          await connection.next(signal);
        }
      }
    },
    drained: (signal) => deps.outbox.drained(signal),
    openChannel(id) {
      if (session === undefined) throw new HostlerError('unavailable', 'There is no connection to the manager.');
      return session.openChannel(id);
    },
    get connected() {
      return session?.open === true;
    },
    async stop() {
      stopping.abort();
      connection.notify();
      await running;
      await deps.outbox.close();
    },
  };
}

/** Asked again after waiting. */
function stillOpen(session: AgentSession): boolean {
  return session.open;
}
